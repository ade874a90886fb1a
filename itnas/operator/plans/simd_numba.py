"""A SIMD vector type for numba: 16 float32 or 8 float64 lanes.

Compilers vectorise a loop only while they can prove that its arrays do not overlap, which the many accumulators of a
fused backward pass defeat. With explicit vectors nothing has to be proved, and running sums stay in registers. Wider
vectors than the processor's are split by LLVM, so the code is portable.

A vector is read with `load(array, index)` from a flat, contiguous array; `+ - *` take vectors and scalars.
"""

import operator

from llvmlite import ir
from numba import njit, types
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
        super().__init__(dmm, fe_type, llvm_type(fe_type))


def llvm_type(vector):
    return ir.VectorType(ir.FloatType() if vector.scalar == types.float32 else ir.DoubleType(), vector.lanes)


def constant(vector, value):
    return ir.Constant(llvm_type(vector), [float(value)] * vector.lanes)


def _element(context, builder, array_type, array, index):
    data = (
        array
        if isinstance(array_type, types.CPointer)
        else context.make_array(array_type)(context, builder, array).data
    )
    return builder.gep(data, [index])


def _pointer(context, builder, array_type, array, index):
    place = _element(context, builder, array_type, array, index)
    return builder.bitcast(place, llvm_type(Vector(array_type.dtype)).as_pointer())


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
def put(typingctx, array, index, number):
    """array[index] = number, for an index that is never negative."""

    def codegen(context, builder, signature, args):
        builder.store(args[2], _element(context, builder, signature.args[0], args[0], args[1]))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), codegen


@intrinsic
def fill(typingctx, array, number):
    """A vector for `array`'s type with the same number in every lane."""
    vector = Vector(array.dtype)

    def codegen(context, builder, signature, args):
        return _broadcast(context, builder, vector, signature.args[1], args[1])

    return vector(array, number), codegen


def _broadcast(context, builder, vector, number_type, number):
    number = context.cast(builder, number, number_type, vector.scalar)
    first = builder.insert_element(ir.Constant(llvm_type(vector), ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    spread = ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), [0] * vector.lanes)
    return builder.shuffle_vector(first, ir.Constant(llvm_type(vector), ir.Undefined), spread)


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
