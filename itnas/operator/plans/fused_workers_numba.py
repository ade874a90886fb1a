"""Workers of the fused kernel: what a thread does with a frame (see `team.py`)."""

import numpy as np
from numba import carray, cfunc, njit
from numba.np.unsafe.ndarray import to_fixed_tuple

from itnas.operator.plans.fused_chunk_numba import Inputs, Sizes
from itnas.operator.plans.fused_numba import Gradients, backward_task, forward_task, workspace
from itnas.operator.plans.simd_numba import lanes_of
from itnas.operator.plans.team_numba import ARRAYS, WORKER, array, next_block, start

SIZES = len(Sizes._fields)
FORWARD_FRAME = ARRAYS + 2 * (len(Inputs._fields) + 3) + SIZES
BACKWARD_FRAME = ARRAYS + 2 * (len(Inputs._fields) + 4 + len(Gradients._fields)) + SIZES


@njit
def unpack(frame, real):
    """The inputs and sizes in a frame: its first arrays, and the numbers after all arrays."""
    inputs = Inputs(
        array(frame, 0, real),
        array(frame, 1, real),
        array(frame, 2, real),
        array(frame, 3, np.int64),
        array(frame, 4, np.int64),
        array(frame, 5, real),
        array(frame, 6, real),
        array(frame, 7, real),
        array(frame, 8, real),
        array(frame, 9, real),
        array(frame, 10, real),
        array(frame, 11, real),
        array(frame, 12, real),
        array(frame, 13, real),
        array(frame, 14, real),
        array(frame, 15, real),
    )
    return inputs, Sizes(*to_fixed_tuple(frame[frame.size - SIZES :], SIZES))


@njit
def forward(frame, real):
    """The tasks of one worker. Arrays: the inputs, the working memory, y, lse."""
    inputs, sizes = unpack(frame, real)
    work, y, lse = array(frame, 16, real), array(frame, 17, real), array(frame, 18, real)
    row = workspace(sizes, lanes_of(y))
    mine = start(frame) * row
    first, last = next_block(frame)
    while first < last:
        for task in range(first, last):
            forward_task(inputs, sizes, work[mine : mine + row], y, lse, task)
        first, last = next_block(frame)


@njit
def backward(frame, real):
    """The tasks of one worker. Arrays: the inputs, the working memory, grad, dots, lse, the gradients."""
    inputs, sizes = unpack(frame, real)
    work, grad, dots, lse = (
        array(frame, 16, real), array(frame, 17, real), array(frame, 18, real), array(frame, 19, real)
    )  # fmt: skip
    gradients = Gradients(
        array(frame, 20, real),
        array(frame, 21, real),
        array(frame, 22, real),
        array(frame, 23, real),
        array(frame, 24, real),
        array(frame, 25, real),
        array(frame, 26, real),
        array(frame, 27, real),
        array(frame, 28, real),
        array(frame, 29, real),
        array(frame, 30, real),
        array(frame, 31, real),
        array(frame, 32, real),
        array(frame, 33, real),
    )
    row = workspace(sizes, lanes_of(grad))
    mine = start(frame) * row
    first, last = next_block(frame)
    while first < last:
        for task in range(first, last):
            backward_task(inputs, sizes, work[mine : mine + row], grad, dots, lse, gradients, task)
        first, last = next_block(frame)


@cfunc(WORKER, cache=True)
def forward_float32(pointer):
    forward(carray(pointer, (FORWARD_FRAME,)), np.float32)


@cfunc(WORKER, cache=True)
def forward_float64(pointer):
    forward(carray(pointer, (FORWARD_FRAME,)), np.float64)


@cfunc(WORKER, cache=True)
def backward_float32(pointer):
    backward(carray(pointer, (BACKWARD_FRAME,)), np.float32)


@cfunc(WORKER, cache=True)
def backward_float64(pointer):
    backward(carray(pointer, (BACKWARD_FRAME,)), np.float64)
