"""Functions of whole SIMD vectors: exp, sin, erf and the like, by polynomials in float32."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from itnas.operator.plans.simd_numba import FLAGS, constant, llvm_type


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
    kind = llvm_type(vector)
    signature = ir.FunctionType(kind, [kind] * len(args))
    full_name = f"{name}.v{vector.lanes}f{vector.scalar.bitwidth}"
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, full_name), list(args))


@_unary
def relu(context, builder, vector, value):
    """max(x, 0); NaN stays NaN."""
    zero = constant(vector, 0.0)
    return builder.select(builder.fcmp_unordered(">", value, zero), value, zero)


@_unary
def step(context, builder, vector, value):
    """1 where x > 0, else 0."""
    return builder.select(
        builder.fcmp_ordered(">", value, constant(vector, 0.0)), constant(vector, 1.0), constant(vector, 0.0)
    )


@_unary
def root(context, builder, vector, value):
    """The square root."""
    return _call(builder, "llvm.sqrt", vector, value)


def _polynomial(builder, vector, variable, coefficients):
    """Horner's rule, highest coefficient first."""
    value = constant(vector, coefficients[0])
    for coefficient in coefficients[1:]:
        product = builder.fmul(value, variable, flags=FLAGS)
        value = builder.fadd(product, constant(vector, coefficient), flags=FLAGS)
    return value


def _reduce(builder, vector, value, quotient, parts):
    """value - quotient * sum(parts), part by part, so that the leading digits cancel exactly (Cody & Waite)."""
    for part in parts:
        value = builder.fsub(value, builder.fmul(quotient, constant(vector, part), flags=FLAGS), flags=FLAGS)
    return value


def _exp(context, builder, vector, value):
    """e^x: float32 by x = n log 2 + r and a polynomial in r, relative error 1e-7; float64 by the C library."""
    if vector.scalar == types.float64:
        return _call(builder, "llvm.exp", vector, value)
    low, high = constant(vector, -87.0), constant(vector, 88.3)
    underflow = builder.fcmp_ordered("<", value, low)
    value = builder.select(underflow, low, value)
    value = builder.select(builder.fcmp_ordered(">", value, high), high, value)
    n = _call(builder, "llvm.rint", vector, builder.fmul(value, constant(vector, 1.4426950408889634)))
    r = _reduce(builder, vector, value, n, (0.693359375, -2.12194440e-4))
    result = _polynomial(builder, vector, r, (1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0))
    integers = ir.VectorType(ir.IntType(32), vector.lanes)
    exponent = builder.add(builder.fptosi(n, integers), ir.Constant(integers, [127] * vector.lanes))
    scale = builder.bitcast(builder.shl(exponent, ir.Constant(integers, [23] * vector.lanes)), llvm_type(vector))
    return builder.select(underflow, constant(vector, 0.0), builder.fmul(result, scale))


@_unary
def exp(context, builder, vector, value):
    """e^x."""
    return _exp(context, builder, vector, value)


def _half_turns(builder, vector, value):
    """x = n pi + r with abs(r) <= pi / 2: r, and -1 to the n."""
    n = _call(builder, "llvm.rint", vector, builder.fmul(value, constant(vector, 0.3183098861837907)))
    r = _reduce(builder, vector, value, n, (3.140625, 9.67502593994140625e-4, 1.509957990978376432e-7))
    integers = ir.VectorType(ir.IntType(32), vector.lanes)
    odd = builder.shl(builder.fptosi(n, integers), ir.Constant(integers, [31] * vector.lanes))
    one = builder.bitcast(constant(vector, 1.0), integers)
    return r, builder.bitcast(builder.xor(one, odd), llvm_type(vector))


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
    result = ir.Constant(llvm_type(vector), ir.Undefined)
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
    one = constant(vector, 1.0)
    t = builder.fdiv(one, builder.fadd(one, builder.fmul(size, constant(vector, 0.3275911))))
    series = _polynomial(builder, vector, t, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592, 0.0))
    bell = _exp(context, builder, vector, builder.fneg(builder.fmul(value, value)))
    return _call(builder, "llvm.copysign", vector, builder.fsub(one, builder.fmul(series, bell)), value)
