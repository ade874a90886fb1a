"""What a planted layer is, how instances are drawn, and the registry of kinds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from itnas.registry import Registry

from .streams import STREAMS, Inputs

# A sum must owe this share of its output's variance to each of its parts at least.
SMALLEST_PART = 0.3
LENGTHS, ODDS = (32, 64, 128, 256), (0.4, 0.44, 0.14, 0.02)


@dataclass(frozen=True)
class Planted:
    """A layer whose behaviour is known, and what to show it. `inputs`: n -> [B, n, C], fresh samples at each call."""

    kind: str
    seed: int
    expected: str
    parts: tuple[str, ...]  # of a sum, in alphabetic order
    layer: nn.Module
    inputs: Inputs
    lengths: tuple[int, ...]  # N/4, N/2, N
    stream: str  # the kind of inputs


@dataclass
class Dice:
    """Draws what an instance needs. Torch's layers draw from the global generator, and so does this: see `draw`."""

    stream: str = ""
    length: int = 0
    width: int = 0
    settings: dict[str, float] = field(default_factory=dict)

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand(()))

    def integer(self, low: int, high: int) -> int:
        """One of low, ..., high."""
        return int(torch.randint(low, high + 1, ()))

    def coin(self) -> bool:
        return bool(torch.rand(()) < 0.5)

    def log_uniform(self, low: float, high: float) -> float:
        return math.exp(self.uniform(math.log(low), math.log(high)))

    def span(self, shortest: int = 32, longest: int = 64) -> int:
        """The longest length at which the layer will be looked at."""
        odds = torch.tensor([share * (shortest <= n <= longest) for n, share in zip(LENGTHS, ODDS, strict=True)])
        self.length = LENGTHS[int(torch.multinomial(odds, 1))]
        return self.length

    def inputs(self, width: int, streams: Sequence[str] = tuple(STREAMS)) -> Inputs:
        """A source of inputs of one of these kinds."""
        self.stream, self.width = streams[self.integer(0, len(streams) - 1)], width
        return STREAMS[self.stream](width)


Builder = Callable[[Dice], tuple[nn.Module, Inputs]]


@dataclass(frozen=True)
class Kind:
    """A kind of layer, and what it has to be named."""

    name: str
    expected: str
    parts: tuple[str, ...]
    build: Builder
    slow: bool  # examined by interventions on a recurrence: seconds rather than tenths


KINDS: Registry[Kind] = Registry("kind of planted layer")


def plants(
    name: str, expected: str, *, parts: tuple[str, ...] = (), slow: bool = False
) -> Callable[[Builder], Builder]:
    """Make a kind known: the function draws an instance (and the length, with `dice.span`)."""

    def add(build: Builder) -> Builder:
        KINDS.add(name, Kind(name, expected, tuple(sorted(parts)), build, slow))
        return build

    return add


def draw(name: str, seed: int, length: int | None = None) -> Planted:
    """Instance `seed` of a kind; `length` overrules the longest length that was drawn."""
    kind = KINDS[name]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1000 * seed + sum(map(ord, name)))
        dice = Dice()
        layer, inputs = kind.build(dice)
    longest = dice.length if length is None else length
    lengths = (longest // 4, longest // 2, longest)
    return Planted(name, seed, kind.expected, kind.parts, layer.eval(), inputs, lengths, dice.stream)


def power(layer: Callable[[Tensor], Tensor], inputs: Inputs, length: int) -> float:
    """Variance of the outputs over samples, place by place, with the samples that a look at this length shows."""
    u = torch.cat([inputs(length), inputs(length)])
    return float(layer(u).var(0).sum())
