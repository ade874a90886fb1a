"""Inside a compiled worker: its frame, arrays by address, and a counter that workers share.

A frame is an int64 array that describes one parallel call: how many workers have started, which block of tasks is
next, how many tasks there are, then address and length of each array, then whatever numbers the worker needs. See
`team.py`.
"""

from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

STARTED, NEXT, TASKS, BLOCK, ARRAYS = 0, 1, 2, 3, 4  # places in a frame; arrays take two each
WORKER = types.void(types.CPointer(types.int64))
# Decorators of functions that compiled code alone calls: without entries from Python, which cost as much compile time
# as the code itself. `uncounted`: without reference counts, as each use of an array would count up and down; they
# cannot allocate. `inlined`: into whoever calls them, too.
inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
uncounted = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
inlined = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, forceinline=True)


@intrinsic
def _pointer(typingctx, address, real):
    """The address as a pointer to numbers of type `real`."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(real.dtype)(types.int64, real), codegen


@intrinsic
def _count(typingctx, frame, place):
    """frame[place], which then grows by one: no two workers get the same number."""

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", builder.gep(data, [args[1]]), one, "monotonic")

    return types.int64(frame, types.intp), codegen


@inner
def pointer(frame, number, real):
    """To the beginning of the frame's array number `number`. To compile code for pointers takes half as long as for
    arrays, which are seven machine words."""
    return _pointer(frame[ARRAYS + 2 * number], real)


@inner
def array(frame, number, real):
    """The frame's array number `number`."""
    return carray(pointer(frame, number, real), (frame[ARRAYS + 2 * number + 1],))


@inner
def start(frame):
    """This worker's number, from 0."""
    return _count(frame, STARTED)


@inner
def next_block(frame):
    """The first and the last + 1 of some tasks that nobody has taken yet; an empty range when there are none left."""
    first = min(_count(frame, NEXT) * frame[BLOCK], frame[TASKS])
    return first, min(first + frame[BLOCK], frame[TASKS])
