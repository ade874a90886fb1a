"""Genomes drawn at random, for verdicts on networks that never learned anything."""

from __future__ import annotations

import random

from itnas import genes
from itnas.genome import Genome

FEATURES: tuple[genes.Feature, ...] = ("offset", "fourier", "content", "product")


def random_genome(rng: random.Random) -> Genome:
    """One or two blocks of width 16, each with a mixer of its own."""
    depth = rng.randint(1, 2)
    return Genome(width=16, depth=depth, layers=tuple(_mixer(rng) for _ in range(depth)))


def _mixer(rng: random.Random) -> genes.Mixer:
    # Integral transforms are what is searched over, and half of what is drawn.
    if rng.random() < 0.5:
        return _integral(rng)
    return rng.choice(
        (
            genes.Attention(heads=rng.choice((1, 2)), rotary=rng.random() < 0.5),
            genes.Convolution(taps=rng.randint(2, 5)),
            genes.Gru(),
            genes.Lstm(),
            genes.SelectiveSsm(),
            genes.GatedConvolution(taps=rng.randint(2, 5)),
        )
    )


def _integral(rng: random.Random) -> genes.Integral:
    kernel: genes.Kernel
    if rng.random() < 0.5:
        features = tuple(rng.sample(FEATURES, rng.randint(1, 3)))
        kernel = genes.MlpKernel(features=features, layers=rng.randint(0, 1))
    else:
        kernel = genes.FactorisedKernel(rank=rng.choice((1, 4, 8)), decay=rng.choice(("none", "position", "clock")))
    quadrature = genes.Window(width=4.0) if rng.random() < 0.2 else genes.Full()
    return genes.Integral(
        heads=rng.choice((1, 2)), kernel=kernel, normaliser=rng.choice(("none", "softmax")), quadrature=quadrature
    )
