"""Layers under examination: what kernels and values they are made of."""

from itnas.behaviour.subjects.base import KernelSubject, Subject, View
from itnas.behaviour.subjects.block import Block, BlockSubject, blocks_of
from itnas.behaviour.subjects.integral import IntegralSubject
from itnas.behaviour.subjects.opaque import OpaqueSubject
from itnas.behaviour.subjects.recurrent import RecurrentSubject

__all__ = [
    "Block",
    "BlockSubject",
    "IntegralSubject",
    "KernelSubject",
    "OpaqueSubject",
    "RecurrentSubject",
    "Subject",
    "View",
    "blocks_of",
]
