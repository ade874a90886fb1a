"""`gather`: only the pairs that see each other. O(E h) for E edges: windows, neighbour lists and graphs.

On a lattice every point has the same neighbours, up to the border: a table [N, K] of K shifts, whose rows reduce over
the last axis. Elsewhere the pairs are a list, whose rows reduce by scattering.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from itnas.operator.domain import Edges, Geometry, Lattice
from itnas.operator.kernel import Side, take
from itnas.operator.normaliser import LastAxis, Rows
from itnas.operator.plans.base import Plan, Problem, distances, register
from itnas.operator.plans.dense import pair_work
from itnas.operator.plans.fold import is_replicated
from itnas.operator.quadrature import Importance, MonteCarlo


@dataclass(frozen=True)
class EdgeList:
    """Point `target` looks at point `source`, which counts `weight` times (0 where padding).

    A list has *S = [E]. A table has target *S = [N, 1], all points in order, and source and weight *S = [N, K].
    """

    target: Tensor  # [B|1, 1, *S]
    source: Tensor  # [B|1, 1, *S]
    weight: Tensor  # [B|1, 1, *S]
    code: Tensor | None = None  # of a table on a lattice: the code of each shift, [1, 1, 1, K]

    @property
    def table(self) -> bool:
        return self.source.dim() == 4

    def sides(self, rows: Side, cols: Side) -> tuple[Side, Side]:
        """Both ends of every edge."""
        starts, ends = rows.take(self.target), cols.take(self.source)
        if self.code is not None and rows.place is not None and not rows.place.is_floating_point():
            # The k-th neighbour always stands at the same offset: K lookups in the kernel's table, not N K.
            starts, ends = replace(starts, place=self.code), replace(ends, place=torch.zeros_like(self.code))
        return starts, ends

    def rows(self, length: int) -> Rows:
        return LastAxis() if self.table else Segments(self.target, length)

    def total(self, kernel: Tensor, values: Tensor) -> Tensor:
        """y = sum_j K_ij v_j for K [B|1, H, *S]: [B, H, N, D]."""
        carried = take(values, self.source)
        if self.table:
            return torch.einsum("bhnk,bhnkd->bhnd", kernel, carried)
        return _scatter(kernel.unsqueeze(-1) * carried, self.target, values.shape[2])


@dataclass(frozen=True)
class Segments:
    """The rows of a list: entry e belongs to point target[e]."""

    target: Tensor  # [B|1, 1, E]
    length: int

    def total(self, entries: Tensor) -> Tensor:
        entries, target = torch.broadcast_tensors(entries, self.target)
        zeros = entries.new_zeros(*entries.shape[:-1], self.length)
        return zeros.scatter_add(-1, target, entries).gather(-1, target)

    def top(self, entries: Tensor) -> Tensor:
        entries, target = torch.broadcast_tensors(entries, self.target)
        lowest = entries.new_full((*entries.shape[:-1], self.length), -torch.inf)
        return lowest.scatter_reduce(-1, target, entries, "amax").gather(-1, target)


@register
class Gather(Plan):
    name = "gather"

    def refusal(self, problem: Problem) -> str | None:
        if isinstance(problem.quadrature, (MonteCarlo, Importance)):
            return "it follows a fixed list of edges, and the quadrature is sampled: that needs the plan 'sampled'"
        if problem.window is None and problem.geometry.edges is None:
            return "it follows edges, and there is neither a window nor a Graph: every point sees every other"
        geometry = problem.geometry
        if geometry.edges is None and geometry.lattice is None and _replicated(geometry.positions):
            return "stacked replicas with places of their own have neighbour lists of different lengths"
        return None

    def cost(self, problem: Problem) -> float:
        pairs = problem.heads * edge_count(problem)
        per_kernel, per_value = 0.03 + 0.011 * pair_work(problem), 0.02 + 0.0035 * problem.width
        cost = 1000 + pairs * (problem.kernel_batch * per_kernel + problem.batch * per_value)
        if problem.geometry.lattice is not None:
            return cost
        searched = problem.length**2 if problem.geometry.edges is None else 0
        return cost + 0.08 * problem.batch * pairs + 0.015 * searched

    def __call__(self, problem: Problem) -> Tensor:
        form, edges = problem.form, edge_list(problem)
        k = form.pairs(*edges.sides(form.rows, form.cols))
        weights = edges.weight.to(problem.values.dtype)
        if problem.measure is not None:
            weights = weights * take(problem.measure, edges.source)
        kernel = problem.normaliser.normalise(k, weights, edges.rows(problem.length))
        return edges.total(kernel, problem.values)


def edge_list(problem: Problem) -> EdgeList:
    """Who sees whom, in the shape that reduces fastest."""
    geometry = problem.geometry
    if geometry.edges is not None:
        return _from_graph(geometry.edges, causal=problem.causal)
    assert problem.window is not None
    if geometry.lattice is not None:
        return _from_lattice(geometry, geometry.lattice, problem.window, causal=problem.causal)
    return _from_distances(geometry, problem.window, causal=problem.causal)


def edge_count(problem: Problem) -> float:
    """E per sample; of neighbour lists an estimate from a few points."""
    geometry = problem.geometry
    if geometry.edges is not None:
        return geometry.edges.weight.shape[1]
    assert problem.window is not None
    if geometry.lattice is not None:
        return problem.length * len(_shifts(geometry.lattice, problem.window, causal=problem.causal))
    some = torch.linspace(0, problem.length - 1, min(problem.length, 16), device=problem.u.device).long()
    seen = (distances(geometry, some) < problem.window).sum(-1).double().mean()
    return problem.length * float(seen) / (2 if problem.causal else 1)


def masked_lists(seen: Tensor) -> tuple[Tensor, Tensor]:
    """Where each row of `seen`, bool [R, M], is true: indices [R, K], padded with 0, and which of them count."""
    counts = seen.sum(-1)
    if _replicated(seen):
        # Lists of stacked replicas are as long as the longest that there could be: how long they are, vmap cannot say.
        index = (~seen).byte().argsort(stable=True, dim=-1)
        return index, torch.arange(seen.shape[-1], device=seen.device) < counts.unsqueeze(-1)
    row, col = seen.nonzero(as_tuple=True)
    slot = torch.arange(row.shape[0], device=seen.device) - (counts.cumsum(0) - counts)[row]
    longest = int(counts.max()) if counts.numel() else 0
    index = row.new_zeros(seen.shape[0], longest).index_put((row, slot), col)
    return index, torch.arange(longest, device=seen.device) < counts.unsqueeze(1)


def _replicated(part: Tensor | None) -> bool:
    return part is not None and is_replicated(part)


def _from_graph(edges: Edges, *, causal: bool) -> EdgeList:
    weight = edges.weight * (edges.source <= edges.target) if causal else edges.weight
    return EdgeList(edges.target.unsqueeze(1), edges.source.unsqueeze(1), weight.unsqueeze(1))


def _from_lattice(geometry: Geometry, lattice: Lattice, width: float, *, causal: bool) -> EdgeList:
    """A table of shifts. Beyond the border a point stands in for its missing neighbours, with weight 0."""
    assert geometry.positions is not None
    device = geometry.positions.device
    shifts = torch.tensor(_shifts(lattice, width, causal=causal), device=device)  # [K, P]
    shape = torch.tensor(lattice.shape, device=device)
    places = torch.cartesian_prod(*(torch.arange(n, device=device) for n in lattice.shape))
    neighbours = places.reshape(-1, 1, len(lattice.shape)) - shifts  # [N, K, P]
    inside = ((neighbours >= 0) & (neighbours < shape)).all(-1)
    points = torch.arange(geometry.length, device=device).unsqueeze(1)
    source = torch.where(inside, _flat(neighbours, lattice.shape), points)
    code = _flat(shifts, lattice.extents)
    return EdgeList(points[None, None], source[None, None], inside[None, None].double(), code.view(1, 1, 1, -1))


def _shifts(lattice: Lattice, width: float, *, causal: bool) -> list[tuple[int, ...]]:
    """The steps i - j along each axis to the points closer than `width`, back in time only if causal."""
    axes = [
        [step for step in range(0 if causal else 1 - n, n) if abs(step) * spacing < width]
        for n, spacing in zip(lattice.shape, lattice.spacing, strict=True)
    ]
    return list(product(*axes))


def _flat(places: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Row-major index of places [..., P] on a grid of this shape; of differences, the difference of the indices."""
    flat = torch.zeros_like(places[..., 0])
    for axis, extent in enumerate(shape):
        flat = flat * extent + places[..., axis]
    return flat


def _from_distances(geometry: Geometry, width: float, *, causal: bool) -> EdgeList:
    """Neighbour lists; booleans N x N are the largest thing made on the way."""
    length = geometry.length
    assert geometry.positions is not None
    points = torch.arange(length, device=geometry.positions.device)
    chunks = points.split(max(2**20 // max(length, 1), 1))
    seen = torch.cat([distances(geometry, rows) < width for rows in chunks], 1)
    index, counts = masked_lists((seen.tril() if causal else seen).flatten(1))
    target, source = index // max(length, 1), index % max(length, 1)
    return EdgeList(target.unsqueeze(1), source.unsqueeze(1), counts.unsqueeze(1).double())


def _scatter(carried: Tensor, target: Tensor, length: int) -> Tensor:
    """Sum what the edges carry, [B, H, E, D], at target [B|1, 1, E]: [B, H, N, D]."""
    zeros = carried.new_zeros(*carried.shape[:2], length, carried.shape[-1])
    if target.shape[0] == 1:
        return zeros.index_add(2, target.flatten(), carried)
    return zeros.scatter_add(2, target.unsqueeze(-1).expand_as(carried), carried)
