"""Nodes and weighted edges."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence as Several

import torch
from torch import Tensor
from torch.nn.functional import pad

from itnas.operator.domain.geometry import Domain, Edges, Geometry


class Graph(Domain):
    """A node sees the nodes whose edges point at it: edges run from row 0 of `edge_index` [2, E] to row 1.

    `edge_weight` [E] defaults to 1. `self_loops` adds the identity to the adjacency matrix. `normalise="symmetric"`
    divides each weight by the root of both ends' in-degrees (Kipf & Welling, arXiv 1609.02907), `"row"` by the
    target's. One graph serves the whole batch; `Graph.batch([...])` gives each sample its own.
    """

    def __init__(
        self,
        edge_index: Tensor,
        num_nodes: int | None = None,
        edge_weight: Tensor | None = None,
        self_loops: bool = False,
        normalise: str | None = None,
    ) -> None:
        if edge_index.dim() != 2 or edge_index.shape[0] != 2:
            raise ValueError(f"edge_index must be [2, E], got shape {tuple(edge_index.shape)}")
        if normalise not in (None, "symmetric", "row"):
            raise ValueError(f"normalise must be None, 'symmetric' or 'row', got {normalise!r}")
        edge_index = edge_index.long()
        highest = int(edge_index.max()) if edge_index.numel() else -1
        self.num_nodes = highest + 1 if num_nodes is None else num_nodes
        if highest >= self.num_nodes or (edge_index.numel() and int(edge_index.min()) < 0):
            raise ValueError(
                f"edge_index names node {highest}, but nodes are 0 to num_nodes - 1 = {self.num_nodes - 1}"
            )
        if edge_weight is None:
            edge_weight = torch.ones(edge_index.shape[1], dtype=torch.float64, device=edge_index.device)
        if edge_weight.shape != edge_index.shape[1:]:
            raise ValueError(
                f"edge_weight must be [{edge_index.shape[1]}], one per edge, got {tuple(edge_weight.shape)}"
            )
        source, target, weight = edge_index[0], edge_index[1], edge_weight.double()
        if self_loops:
            nodes = torch.arange(self.num_nodes, device=edge_index.device)
            source, target = torch.cat([source, nodes]), torch.cat([target, nodes])
            weight = torch.cat([weight, weight.new_ones(self.num_nodes)])
        if normalise is not None:
            weight = weight / _degree_factor(source, target, weight, self.num_nodes, normalise)
        self.edges = Edges(target.unsqueeze(0), source.unsqueeze(0), weight.unsqueeze(0))
        self.valid: Tensor | None = None

    @classmethod
    def batch(cls, graphs: Several[Graph]) -> Graph:
        """One graph per sample, padded to the largest; padded nodes are not valid, padded edges weigh nothing."""
        if not graphs:
            raise ValueError("Graph.batch needs at least one graph")
        joint = cls.__new__(cls)
        joint.num_nodes = max(graph.num_nodes for graph in graphs)
        longest = max(graph.edges.weight.shape[1] for graph in graphs)

        def stack(field: str) -> Tensor:
            rows = [getattr(graph.edges, field) for graph in graphs]
            return torch.cat([pad(row, (0, longest - row.shape[1])) for row in rows])

        joint.edges = Edges(stack("target"), stack("source"), stack("weight"))
        sizes = torch.tensor([graph.num_nodes for graph in graphs], device=joint.edges.weight.device)
        joint.valid = torch.arange(joint.num_nodes, device=sizes.device) < sizes.unsqueeze(1)
        return joint

    def per_sample(self) -> dict[str, Tensor]:
        if self.edges.weight.shape[0] == 1:
            return {}
        own = {"target": self.edges.target, "source": self.edges.source, "weight": self.edges.weight}
        return own if self.valid is None else {**own, "valid": self.valid}

    def with_per_sample(self, tensors: Mapping[str, Tensor]) -> Graph:
        changed = copy.copy(self)
        own = {name: part for name, part in tensors.items() if name != "valid"}
        changed.edges = dataclasses.replace(self.edges, **own)
        changed.valid = tensors.get("valid", self.valid)
        return changed

    def geometry(self, batch: int, length: int, device: torch.device) -> Geometry:
        if length != self.num_nodes:
            raise ValueError(f"the Graph has {self.num_nodes} nodes, but the input has {length} points")
        if self.edges.weight.shape[0] not in (1, batch):
            raise ValueError(f"the batch holds {self.edges.weight.shape[0]} graphs, but the input has {batch} samples")
        edges = Edges(self.edges.target.to(device), self.edges.source.to(device), self.edges.weight.to(device))
        valid = None if self.valid is None else self.valid.to(device)
        return Geometry(length, valid=valid, edges=edges, name="Graph")


def _degree_factor(source: Tensor, target: Tensor, weight: Tensor, num_nodes: int, normalise: str) -> Tensor:
    """What divides each edge's weight: d_target, or the root of d_target d_source. A zero degree divides by 1."""
    degree = weight.new_zeros(num_nodes).index_add(0, target, weight)
    degree = torch.where(degree == 0, torch.ones_like(degree), degree)
    if normalise == "row":
        return degree[target]
    if bool((degree < 0).any()):
        node = int(degree.argmin())
        raise ValueError(
            f"normalise='symmetric' takes roots of degrees, and that of node {node} is {float(degree[node]):g}: "
            "use weights whose sums are not negative, or normalise='row'"
        )
    return (degree[target] * degree[source]).sqrt()
