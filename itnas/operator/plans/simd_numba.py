"""A SIMD vector type for numba: 16 float32 or 8 float64 lanes.

Compilers vectorise a loop only while they can prove that its arrays do not overlap, which the many accumulators of a
fused backward pass defeat. With explicit vectors nothing has to be proved, and running sums stay in registers. Wider
vectors than the processor's are split by LLVM, so the code is portable.

A vector is read with `load(array, index)` from a flat, contiguous array; `+ - *` take vectors and scalars.
"""

import operator

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model

LANES = {"float32": 16, "float64": 8}
# No reordering, no assumptions on NaN or infinity; a multiplication and an addition may be fused.
FLAGS = ("contract", "nsz")


class Vector(types.Type):
    def __init__(self, scalar):
        self.scalar = scalar
        self.lanes = LANES[scalar.name]
        super().__init__(name=f"Vector({scalar}, {self.lanes})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _llvm(fe_type))


def _llvm(vector):
    return ir.VectorType(ir.FloatType() if vector.scalar == types.float32 else ir.DoubleType(), vector.lanes)


def _constant(vector, value):
    return ir.Constant(_llvm(vector), [float(value)] * vector.lanes)


def _element(context, builder, array_type, array, index):
    data = (
        array
        if isinstance(array_type, types.CPointer)
        else context.make_array(array_type)(context, builder, array).data
    )
    return builder.gep(data, [index])


def _pointer(context, builder, array_type, array, index):
    place = _element(context, builder, array_type, array, index)
    return builder.bitcast(place, _llvm(Vector(array_type.dtype)).as_pointer())


@intrinsic
def address(typingctx, array, index):
    """A pointer to array[index]; `load`, `store`, `at` and the rest take it in an array's place.

    Hot loops that go through several arrays use pointers: an array is seven machine words, and registers are few.
    """

    def codegen(context, builder, signature, args):
        return _element(context, builder, signature.args[0], args[0], args[1])

    return types.CPointer(array.dtype)(array, types.intp), codegen


def _bytes(array_type):
    return array_type.dtype.bitwidth // 8


@intrinsic
def load(typingctx, array, index):
    """The vector array[index : index + lanes]."""

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        return builder.load(pointer, align=_bytes(signature.args[0]))

    return Vector(array.dtype)(array, types.intp), codegen


@intrinsic
def at(typingctx, array, index):
    """array[index], for an index that is never negative: plain indexing would test for that each time."""

    def codegen(context, builder, signature, args):
        return builder.load(_element(context, builder, signature.args[0], args[0], args[1]))

    return array.dtype(array, types.intp), codegen


@intrinsic
def store(typingctx, array, index, value):
    """array[index : index + lanes] = value."""

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], pointer, align=_bytes(signature.args[0]))
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def fill(typingctx, array, number):
    """A vector for `array`'s type with the same number in every lane."""
    vector = Vector(array.dtype)

    def codegen(context, builder, signature, args):
        return _broadcast(context, builder, vector, signature.args[1], args[1])

    return vector(array, number), codegen


def _broadcast(context, builder, vector, number_type, number):
    number = context.cast(builder, number, number_type, vector.scalar)
    first = builder.insert_element(ir.Constant(_llvm(vector), ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    spread = ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), [0] * vector.lanes)
    return builder.shuffle_vector(first, ir.Constant(_llvm(vector), ir.Undefined), spread)


@intrinsic
def lanes_of(typingctx, array):
    """Number of lanes for `array`'s type, a compile-time constant."""

    def codegen(context, builder, signature, args):
        return context.get_constant(types.intp, Vector(array.dtype).lanes)

    return types.intp(array), codegen


@intrinsic
def total(typingctx, vector):
    """The sum over the lanes, pairwise."""

    def codegen(context, builder, signature, args):
        value, lanes = args[0], vector.lanes
        while lanes > 1:
            lanes //= 2
            undefined = ir.Constant(value.type, ir.Undefined)
            low = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(lanes)))
            high = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(lanes, 2 * lanes)))
            halves = builder.shuffle_vector(value, undefined, low), builder.shuffle_vector(value, undefined, high)
            value = builder.fadd(*halves, flags=FLAGS)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return vector.scalar(vector), codegen


@intrinsic
def first_lanes(typingctx, vector, count, other):
    """The vector's first `count` lanes, and the lanes of `other` after them."""

    def codegen(context, builder, signature, args):
        integers = ir.VectorType(ir.IntType(64), vector.lanes)
        first = builder.insert_element(ir.Constant(integers, ir.Undefined), args[1], ir.Constant(ir.IntType(32), 0))
        spread = ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), [0] * vector.lanes)
        limit = builder.shuffle_vector(first, ir.Constant(integers, ir.Undefined), spread)
        inside = builder.icmp_signed("<", ir.Constant(integers, list(range(vector.lanes))), limit)
        return builder.select(inside, args[0], args[2])

    return vector(vector, types.intp, vector), codegen


def _unary(emit):
    """An intrinsic vector -> vector from `emit(context, builder, vector type, value)`."""

    def declare(typingctx, vector):
        def codegen(context, builder, signature, args):
            return emit(context, builder, vector, args[0])

        return vector(vector), codegen

    declare.__name__, declare.__doc__ = emit.__name__, emit.__doc__
    return intrinsic(declare)


def _call(builder, name, vector, *args):
    """An LLVM intrinsic on whole vectors; its full name carries the vector type."""
    kind = _llvm(vector)
    signature = ir.FunctionType(kind, [kind] * len(args))
    full_name = f"{name}.v{vector.lanes}f{vector.scalar.bitwidth}"
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, full_name), list(args))


@_unary
def relu(context, builder, vector, value):
    """max(x, 0); NaN stays NaN."""
    zero = _constant(vector, 0.0)
    return builder.select(builder.fcmp_unordered(">", value, zero), value, zero)


@_unary
def step(context, builder, vector, value):
    """1 where x > 0, else 0."""
    return builder.select(
        builder.fcmp_ordered(">", value, _constant(vector, 0.0)), _constant(vector, 1.0), _constant(vector, 0.0)
    )


@_unary
def root(context, builder, vector, value):
    """The square root."""
    return _call(builder, "llvm.sqrt", vector, value)


@_unary
def magnitude(context, builder, vector, value):
    """The absolute value."""
    return _call(builder, "llvm.fabs", vector, value)


@_unary
def sign(context, builder, vector, value):
    """1 or -1, with the sign of x."""
    return _call(builder, "llvm.copysign", vector, _constant(vector, 1.0), value)


def _polynomial(builder, vector, variable, coefficients):
    """Horner's rule, highest coefficient first."""
    value = _constant(vector, coefficients[0])
    for coefficient in coefficients[1:]:
        product = builder.fmul(value, variable, flags=FLAGS)
        value = builder.fadd(product, _constant(vector, coefficient), flags=FLAGS)
    return value


def _reduce(builder, vector, value, quotient, parts):
    """value - quotient * sum(parts), part by part, so that the leading digits cancel exactly (Cody & Waite)."""
    for part in parts:
        value = builder.fsub(value, builder.fmul(quotient, _constant(vector, part), flags=FLAGS), flags=FLAGS)
    return value


def _exp(context, builder, vector, value):
    """e^x: float32 by x = n log 2 + r and a polynomial in r, relative error 1e-7; float64 by the C library."""
    if vector.scalar == types.float64:
        return _call(builder, "llvm.exp", vector, value)
    low, high = _constant(vector, -87.0), _constant(vector, 88.3)
    underflow = builder.fcmp_ordered("<", value, low)
    value = builder.select(underflow, low, value)
    value = builder.select(builder.fcmp_ordered(">", value, high), high, value)
    n = _call(builder, "llvm.rint", vector, builder.fmul(value, _constant(vector, 1.4426950408889634)))
    r = _reduce(builder, vector, value, n, (0.693359375, -2.12194440e-4))
    result = _polynomial(builder, vector, r, (1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0))
    integers = ir.VectorType(ir.IntType(32), vector.lanes)
    exponent = builder.add(builder.fptosi(n, integers), ir.Constant(integers, [127] * vector.lanes))
    scale = builder.bitcast(builder.shl(exponent, ir.Constant(integers, [23] * vector.lanes)), _llvm(vector))
    return builder.select(underflow, _constant(vector, 0.0), builder.fmul(result, scale))


@_unary
def exp(context, builder, vector, value):
    """e^x."""
    return _exp(context, builder, vector, value)


def _half_turns(builder, vector, value):
    """x = n pi + r with abs(r) <= pi / 2: r, and -1 to the n."""
    n = _call(builder, "llvm.rint", vector, builder.fmul(value, _constant(vector, 0.3183098861837907)))
    r = _reduce(builder, vector, value, n, (3.140625, 9.67502593994140625e-4, 1.509957990978376432e-7))
    integers = ir.VectorType(ir.IntType(32), vector.lanes)
    odd = builder.shl(builder.fptosi(n, integers), ir.Constant(integers, [31] * vector.lanes))
    one = builder.bitcast(_constant(vector, 1.0), integers)
    return r, builder.bitcast(builder.xor(one, odd), _llvm(vector))


@_unary
def sin(context, builder, vector, value):
    """sin x: float32 by half turns and a polynomial, absolute error 1e-7; float64 by the C library."""
    if vector.scalar == types.float64:
        return _call(builder, "llvm.sin", vector, value)
    r, parity = _half_turns(builder, vector, value)
    square = builder.fmul(r, r)
    series = _polynomial(builder, vector, square, (-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1.0))
    return builder.fmul(builder.fmul(series, r), parity)


@_unary
def cos(context, builder, vector, value):
    """cos x, as `sin`."""
    if vector.scalar == types.float64:
        return _call(builder, "llvm.cos", vector, value)
    r, parity = _half_turns(builder, vector, value)
    square = builder.fmul(r, r)
    coefficients = (1 / 479001600, -1 / 3628800, 1 / 40320, -1 / 720, 1 / 24, -0.5, 1.0)
    return builder.fmul(_polynomial(builder, vector, square, coefficients), parity)


def _erf_lanes(builder, vector, value):
    """erf x lane by lane through the C library: exact and slow, for float64."""
    double = ir.DoubleType()
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(double, [double]), "erf")
    result = ir.Constant(_llvm(vector), ir.Undefined)
    for lane in range(vector.lanes):
        place = ir.Constant(ir.IntType(32), lane)
        one = builder.call(function, [builder.extract_element(value, place)])
        result = builder.insert_element(result, one, place)
    return result


@_unary
def erf(context, builder, vector, value):
    """erf x: float32 by formula 7.1.26 of Abramowitz & Stegun, absolute error 4e-7; float64 by the C library."""
    if vector.scalar == types.float64:
        return _erf_lanes(builder, vector, value)
    size = _call(builder, "llvm.fabs", vector, value)
    one = _constant(vector, 1.0)
    t = builder.fdiv(one, builder.fadd(one, builder.fmul(size, _constant(vector, 0.3275911))))
    series = _polynomial(builder, vector, t, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592, 0.0))
    bell = _exp(context, builder, vector, builder.fneg(builder.fmul(value, value)))
    return _call(builder, "llvm.copysign", vector, builder.fsub(one, builder.fmul(series, bell)), value)


def _binary(name):
    """The intrinsics and the operator for one arithmetic operation, on two vectors or a vector and a number."""

    def declare(typingctx, left, right):
        vector = left if isinstance(left, Vector) else right

        def codegen(context, builder, signature, args):
            sides = [
                value if isinstance(kind, Vector) else _broadcast(context, builder, vector, kind, value)
                for kind, value in zip(signature.args, args, strict=True)
            ]
            return getattr(builder, name)(*sides, flags=FLAGS)

        return vector(left, right), codegen

    return intrinsic(declare)


_OPERATIONS = {
    operator.add: _binary("fadd"),
    operator.sub: _binary("fsub"),
    operator.mul: _binary("fmul"),
    operator.truediv: _binary("fdiv"),
}


def _attach(symbol, operation):
    @overload(symbol)
    def overloaded(left, right):
        kinds = (left, right)
        numbers = all(isinstance(kind, (Vector, types.Float, types.Integer)) for kind in kinds)
        if not numbers or not any(isinstance(kind, Vector) for kind in kinds):
            return None
        return lambda left, right: operation(left, right)


for _symbol, _operation in _OPERATIONS.items():
    _attach(_symbol, _operation)


@njit(inline="always", _nrt=False)
def accumulate(array, index, value):
    """array[index : index + lanes] += value."""
    store(array, index, load(array, index) + value)
