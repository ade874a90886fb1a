"""The integral transform: one layer that contains convolution, attention and recurrence."""

from itnas.operator.domain import Cloud, Domain, Graph, Grid, Sequence, Set, Union
from itnas.operator.kernel import FactorisedKernel, MLPKernel
from itnas.operator.layer import IntegralTransform
from itnas.operator.quadrature import Full, Importance, MonteCarlo, Window

__all__ = [
    "Cloud",
    "Domain",
    "FactorisedKernel",
    "Full",
    "Graph",
    "Grid",
    "Importance",
    "IntegralTransform",
    "MLPKernel",
    "MonteCarlo",
    "Sequence",
    "Set",
    "Union",
    "Window",
]
