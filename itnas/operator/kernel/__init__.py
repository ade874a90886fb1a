"""Kernels: what k(i, j) is made of."""

from itnas.operator.kernel.base import POSITIONAL, Kernel, KernelSpec
from itnas.operator.kernel.clock import Clock, running
from itnas.operator.kernel.factorised import FactorisedKernel, FactorisedKernelModule
from itnas.operator.kernel.form import Form, LowRankForm, PairForm, Relation, Side, TaggedRelation, Tail, take
from itnas.operator.kernel.mlp import MLPKernel, MLPKernelModule

__all__ = [
    "POSITIONAL",
    "Clock",
    "FactorisedKernel",
    "FactorisedKernelModule",
    "Form",
    "Kernel",
    "KernelSpec",
    "LowRankForm",
    "MLPKernel",
    "MLPKernelModule",
    "PairForm",
    "Relation",
    "Side",
    "TaggedRelation",
    "Tail",
    "running",
    "take",
]
