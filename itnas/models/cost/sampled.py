"""The plan `sampled`: drawing points, which keeps nothing, and the estimate from them."""

from __future__ import annotations

from math import ceil

import torch

from itnas.models.cost.forms import Form
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.pairwise import normalised, numerators
from itnas.models.cost.scene import Scene, register
from itnas.models.cost.tape import Tape, constant
from itnas.operator.plans.base import distances
from itnas.operator.plans.sampled import Tiles
from itnas.operator.quadrature import Importance, MonteCarlo

MIXED = 80  # operations of `SampleKey.uniform` before the counter enters: seven words mixed, ten for each mixing
HASH = 2 * (2 + 10) + 5  # per counter: two words mixed, and made into one number


@register("sampled")
def sampled(scene: Scene) -> Ghost:
    tape, problem, form = scene.tape, scene.problem, scene.form()
    quadrature = problem.quadrature
    assert isinstance(quadrature, (MonteCarlo, Importance))
    tile = min(quadrature.tile, scene.length)
    tiles = -(-scene.length // tile)
    if isinstance(quadrature, MonteCarlo):
        index = constant(_valid_samples(scene), 1, tiles, min(quadrature.samples, scene.length))
        _draw_uniformly(scene, tiles)
    else:
        slots = min(quadrature.samples, scene.length) + _near_points(scene, quadrature, tile)
        index = constant(problem.batch, scene.heads, tiles, slots)
        _draw_by_importance(scene, form, quadrature, tiles)
    tape.count(2 * index.numel)
    y = _estimate(scene, form, constant(1, 1, tiles, tile), index)
    return scene.over_support(y) if problem.normaliser.denominator == "weights" else y


def _valid_samples(scene: Scene) -> int:
    valid = scene.problem.geometry.valid
    return 1 if valid is None else valid.shape[0]


def _estimate(scene: Scene, form: Form, queries: Ghost, index: Ghost) -> Ghost:
    """y from the drawn points, [B, H, N, D]."""
    tape, problem = scene.tape, scene.problem
    k = form.block(tape, form.rows.take(tape, queries), form.cols.take(tape, index))
    weights = constant(*index.shape, item=4).unsqueeze(-2)
    if scene.measure is not None:
        weights = tape.mul(weights, tape.take(scene.measure, index).unsqueeze(-2))
    if problem.causal:
        seen = tape.pointwise(index.unsqueeze(-2), queries.unsqueeze(-1), item=1)
        weights = tape.mul(weights, seen, item=4)
    values = tape.take(scene.values, index)
    make = numerators if problem.normaliser.denominator == "weights" else normalised
    kernel = make(tape, problem.normaliser, k, weights)
    return tape.matrices(kernel, values).flatten(2, 3).narrow(2, scene.length)


def _support(scene: Scene, tiles: int) -> None:
    scene.tape.count((tiles if scene.problem.causal else 1) * scene.length)


def _draw_uniformly(scene: Scene, tiles: int) -> None:
    """The points with the smallest keys, found by looking at all of them."""
    entries = tiles * scene.length
    _support(scene, tiles)
    scene.tape.count(MIXED + entries * (HASH + 4))  # numbered, hashed, masked, searched; the support's size


def _draw_by_importance(scene: Scene, form: Form, quadrature: Importance, tiles: int) -> None:
    """Every point scored for every tile, then a systematic sample."""
    problem, silent = scene.problem, Tape()
    every = tiles * scene.length
    _support(scene, tiles)
    k = form.block(silent, form.rows.take(silent, constant(1, 1, tiles)), form.cols)
    numerators(silent, problem.normaliser, k, constant(1, 1, tiles, scene.length, item=4))
    scene.tape.count(silent.flops + MIXED + tiles * scene.heads * HASH)
    if quadrature.near > 0:
        reach = 2 if problem.geometry.lattice is not None else 2 * problem.geometry.axes + 1
        scene.tape.count(scene.length**2 * (reach + 1) + every)
    scored = problem.batch * scene.heads * every
    # |g| |v|, without what is no number, masked, summed, divided, mixed with an even share; then inclusion and drawing.
    scene.tape.count(scored * 19 + scene.values.numel)


def _near_points(scene: Scene, quadrature: Importance, tile: int) -> int:
    """The most that any tile has in its near field: so long are the lists of all."""
    problem, geometry = scene.problem, scene.problem.geometry
    if quadrature.near == 0:
        return 0
    if geometry.lattice is not None and len(geometry.lattice.shape) == 1:
        return _near_on_a_line(scene.length, tile, quadrature.near / geometry.lattice.spacing[0], causal=problem.causal)
    queries = Tiles.of(scene.length, tile, torch.device("cpu")).queries
    lengths = distances(geometry, queries.flatten())
    near = torch.unflatten(lengths, 1, queries.shape).amin(2) < quadrature.near  # [B|1, T, N]
    if problem.causal:
        near = near & (torch.arange(scene.length) <= queries[:, -1:])
    return int(near.sum(-1).max())


def _near_on_a_line(length: int, tile: int, near: float, *, causal: bool) -> int:
    reach, longest = ceil(near) - 1, 0
    for start in range(0, length, tile):
        stop = min(start + tile, length)
        longest = max(longest, min(stop + (0 if causal else reach), length) - max(start - reach, 0))
    return longest
