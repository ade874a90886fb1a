"""Workers of the fused kernel: what a thread does with a frame (see `team.py`). The last four are compiled when first
used."""

import numpy as np
from numba import carray
from numba.np.unsafe.ndarray import to_fixed_tuple

from itnas.operator.plans.fused_chunk_numba import Inputs, Sizes
from itnas.operator.plans.fused_numba import Gradients, backward_task, forward_task, workspace
from itnas.operator.plans.simd_numba import address, lanes_of
from itnas.operator.plans.team_numba import ARRAYS, inner, next_block, pointer, start

SIZES = len(Sizes._fields)
FORWARD_FRAME = ARRAYS + 2 * (len(Inputs._fields) + 3) + SIZES
BACKWARD_FRAME = ARRAYS + 2 * (len(Inputs._fields) + 4 + len(Gradients._fields)) + SIZES


@inner
def unpack(frame, real):
    """The inputs and sizes in a frame: its first arrays, and the numbers after all arrays."""
    inputs = Inputs(
        pointer(frame, 0, real),
        pointer(frame, 1, real),
        pointer(frame, 2, real),
        pointer(frame, 3, np.int64),
        pointer(frame, 4, np.int64),
        pointer(frame, 5, real),
        pointer(frame, 6, real),
        pointer(frame, 7, real),
        pointer(frame, 8, real),
        pointer(frame, 9, real),
        pointer(frame, 10, real),
        pointer(frame, 11, real),
        pointer(frame, 12, real),
        pointer(frame, 13, real),
        pointer(frame, 14, real),
        pointer(frame, 15, real),
    )
    return inputs, Sizes(*to_fixed_tuple(frame[frame.size - SIZES :], SIZES))


@inner
def forward(frame, real):
    """The tasks of one worker. Arrays: the inputs, the working memory, y, lse."""
    inputs, sizes = unpack(frame, real)
    work, y, lse = pointer(frame, 16, real), pointer(frame, 17, real), pointer(frame, 18, real)
    row = workspace(sizes, lanes_of(y))
    mine = start(frame) * row
    first, last = next_block(frame)
    while first < last:
        for task in range(first, last):
            forward_task(inputs, sizes, address(work, mine), y, lse, task)
        first, last = next_block(frame)


@inner
def backward(frame, real):
    """The tasks of one worker. Arrays: the inputs, the working memory, grad, dots, lse, the gradients."""
    inputs, sizes = unpack(frame, real)
    work, grad, dots, lse = (
        pointer(frame, 16, real), pointer(frame, 17, real), pointer(frame, 18, real), pointer(frame, 19, real)
    )  # fmt: skip
    gradients = Gradients(
        pointer(frame, 20, real),
        pointer(frame, 21, real),
        pointer(frame, 22, real),
        pointer(frame, 23, real),
        pointer(frame, 24, real),
        pointer(frame, 25, real),
        pointer(frame, 26, real),
        pointer(frame, 27, real),
        pointer(frame, 28, real),
        pointer(frame, 29, real),
        pointer(frame, 30, real),
        pointer(frame, 31, real),
        pointer(frame, 32, real),
        pointer(frame, 33, real),
    )
    row = workspace(sizes, lanes_of(grad))
    mine = start(frame) * row
    first, last = next_block(frame)
    while first < last:
        for task in range(first, last):
            backward_task(inputs, sizes, address(work, mine), grad, dots, lse, gradients, task)
        first, last = next_block(frame)


def forward_float32(frame):
    forward(carray(frame, (FORWARD_FRAME,)), np.float32)


def forward_float64(frame):
    forward(carray(frame, (FORWARD_FRAME,)), np.float64)


def backward_float32(frame):
    backward(carray(frame, (BACKWARD_FRAME,)), np.float32)


def backward_float64(frame):
    backward(carray(frame, (BACKWARD_FRAME,)), np.float64)
