"""Domains: where the points of an integral transform live."""

from itnas.operator.domain.cloud import Cloud
from itnas.operator.domain.geometry import Domain, Edges, Geometry
from itnas.operator.domain.graph import Graph
from itnas.operator.domain.grid import Grid
from itnas.operator.domain.inputs import geometry_of, require_order, without_padding
from itnas.operator.domain.lattice import Lattice
from itnas.operator.domain.modalities import Modalities
from itnas.operator.domain.sequence import Sequence
from itnas.operator.domain.set import Set
from itnas.operator.domain.union import Union

__all__ = [
    "Cloud",
    "Domain",
    "Edges",
    "Geometry",
    "Graph",
    "Grid",
    "Lattice",
    "Modalities",
    "Sequence",
    "Set",
    "Union",
    "geometry_of",
    "require_order",
    "without_padding",
]
