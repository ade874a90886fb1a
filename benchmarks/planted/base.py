"""What a planted layer is, how instances are drawn, and the registry of kinds."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from itnas.behaviour.samples import Score
from itnas.registry import Registry
from itnas.tasks import Batch

from .streams import STREAMS, Inputs

# Of nine instances in a row one is 128 and one 256 points long, if its kind is cheap and means the same at any length.
AT_LENGTH = (None, None, None, None, None, None, None, 128, 256)
ANY_LENGTH = ("none", "pointwise", "convolution", "local", "recurrence")
LENGTHS, ODDS = (32, 64, 128, 256), (0.4, 0.44, 0.14, 0.02)


@dataclass
class Dice:
    """Draws what an instance needs. Torch's layers draw from the global generator, and so does this: see `draw`."""

    stream: str = ""
    length: int = 0
    overruled: int | None = None  # the length to take instead of one that is drawn

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
        self.length = self.overruled or LENGTHS[int(torch.multinomial(odds, 1))]
        return self.length

    def inputs(self, width: int, streams: Sequence[str] = tuple(STREAMS)) -> Inputs:
        """A source of inputs of one of these kinds."""
        self.stream = streams[self.integer(0, len(streams) - 1)]
        return STREAMS[self.stream](width)


Drawn = tuple[nn.Module, Inputs]
Builder = Callable[[Dice], Drawn]


@dataclass(frozen=True)
class Kind:
    """A kind of layer, and what it has to be named."""

    name: str
    expected: str
    parts: tuple[str, ...]  # of a sum, in alphabetic order
    build: Builder
    slow: bool  # examined by interventions on a recurrence: seconds rather than tenths


@dataclass(frozen=True)
class Planted:
    """An instance of a kind, and what to show it. `inputs`: n -> [B, n, C], fresh samples at each call."""

    kind: Kind
    seed: int
    layer: nn.Module
    inputs: Inputs
    lengths: tuple[int, ...]  # N/4, N/2, N
    stream: str  # the kind of inputs
    scored: bool  # judged by a task, which is to say what the layer says

    def score(self) -> Score:
        """1 - the squared error, as a share of the variance of what is to be said."""
        truth = copy.deepcopy(self.layer)

        def score(outputs: Tensor, batch: Batch) -> float:
            target = truth(batch.inputs)
            spread = (target - target.mean()).square().mean().clamp_min(1e-12)
            return 1 - float((outputs - target).square().mean() / spread)

        return score


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
    """Instance `seed` of a kind; every third is judged by a task, if that says anything. `length` overrules the longest
    length."""
    kind = KINDS[name]
    place = seed % len(AT_LENGTH)
    if length is None and not kind.slow and kind.expected in ANY_LENGTH:
        length = AT_LENGTH[place]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1000 * seed + sum(map(ord, name)))
        dice = Dice(overruled=length)
        layer, inputs = kind.build(dice)
    lengths = (dice.length // 4, dice.length // 2, dice.length)
    scored = seed % 3 == 2 and _others_count(layer.eval(), inputs, lengths[0])
    return Planted(kind, seed, layer, inputs, lengths, dice.stream, scored)


@torch.no_grad()
def _others_count(layer: nn.Module, inputs: Inputs, length: int) -> bool:
    """Whether half of what the last point says, or more, depends on others: else points alone could do the task."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        u = inputs(length)
    mixed = torch.roll(u, 1, 0)
    mixed[:, -1] = u[:, -1]
    own, other = layer(u)[:, -1], layer(mixed)[:, -1]
    return bool((other - own).square().mean() / 2 >= 0.5 * own.var(0).mean())


def power(layer: Callable[[Tensor], Tensor], inputs: Inputs, length: int) -> float:
    """Variance of the outputs over samples, place by place, with the samples that a look at this length shows."""
    u = torch.cat([inputs(length), inputs(length)])
    return float(layer(u).var(0).sum())
