"""Crystallise: a discovered network with classical layers in place of its own, as far as it keeps what it can do."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from itnas.export.compare import score
from itnas.export.native.distil import distil, fine_tune
from itnas.export.native.layers import Crystallised, mixer_of
from itnas.export.native.observe import batches, watch
from itnas.export.native.starts import STARTS, Layer, StaysError
from itnas.export.native.verdicts import Became
from itnas.models import Network
from itnas.models.mixers.attention import Attention
from itnas.models.mixers.convolution import Convolution
from itnas.models.mixers.gated_convolution import GatedConvolution
from itnas.models.mixers.gru import Gru
from itnas.models.mixers.lstm import Lstm
from itnas.models.mixers.selective_ssm import SelectiveSsm
from itnas.models.network import causal_for
from itnas.operator.domain import Domain, Grid
from itnas.operator.domain import Sequence as Line
from itnas.tasks import Task

# Mixers that are the classical layer of these families already.
CLASSICAL: dict[type[nn.Module], tuple[str, ...]] = {
    Attention: ("attention", "dense", "mixed"),
    Convolution: ("convolution", "local"),
    GatedConvolution: ("local", "convolution"),
    Gru: ("recurrence",),
    Lstm: ("recurrence",),
    SelectiveSsm: ("recurrence",),
}


@dataclass(frozen=True)
class Effort:
    """Steps of learning from each layer, and of the whole on the task; the least share of the score that is kept."""

    distil_steps: int = 400
    tune_steps: int = 300
    least: float = 0.95

    def __post_init__(self) -> None:
        for name, steps in (("distil_steps", self.distil_steps), ("tune_steps", self.tune_steps)):
            if steps < 0:
                raise ValueError(f"{name} must be 0 or more, got {steps}")
        if not self.least <= 1:
            raise ValueError(f"least is a share, 1 at most, got {self.least}")


@dataclass
class Told:
    """What came of one layer. `agrees`: R^2 of the stand-in beside the layer, before the whole was tuned."""

    layer: int
    family: str
    became: str  # the stand-in's class; the layer's own where it stays
    why: str = ""
    agrees: float | None = None

    @property
    def replaced(self) -> bool:
        return self.agrees is not None

    def to_dict(self) -> dict[str, Any]:
        return {
            "layer": self.layer,
            "family": self.family,
            "became": self.became,
            "agrees": self.agrees,
            "why": self.why,
        }


@dataclass
class Crystallisation:
    """The crystallised network, and what it keeps."""

    network: Network
    layers: list[Told]
    before: float
    after: float
    chance: float
    steps: dict[str, int] = field(default_factory=dict)

    @property
    def kept(self) -> float:
        """The share of the score above chance."""
        span = self.before - self.chance
        if span <= 0:
            return float(self.after >= self.before)  # there is nothing above chance to be kept
        return (self.after - self.chance) / span


def crystallise(
    network: Network,
    task: Task,
    verdicts: Mapping[int, Sequence[Became]],
    effort: Effort = Effort(),
    progress: Callable[[str], None] = lambda _: None,
) -> Crystallisation:
    """Replace what can be, the layer that agrees least going back to what it was until enough of the score is kept."""
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(0)
        before = score(network, task)
        made = [
            _stand_in(network, task, block, verdicts.get(block, ()), effort, progress) for block in _blocks(network)
        ]
        while True:
            outcome = _whole(network, task, made, before, effort, progress)
            replaced = [each for each in made if each[0].replaced]
            if outcome.kept >= effort.least or not replaced:
                return outcome
            worst = min(replaced, key=lambda each: each[0].agrees or 0.0)
            progress(f"{outcome.kept:.0%} of the score is kept: layer {worst[0].layer + 1} goes back to what it was")
            index = made.index(worst)
            why = f"a {worst[0].became} agrees with it to {worst[0].agrees:.2f} only, and cost too much score"
            made[index] = (_stays(network, worst[0].layer, worst[0].family, why), None)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums are split up by threads: with another number of them, other last digits are learned."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _blocks(network: Network) -> range:
    return range(len(network.blocks))


def _stays(network: Network, block: int, family: str, why: str) -> Told:
    mixer = mixer_of(network, block)
    own = mixer.piece if isinstance(mixer, Crystallised) else mixer
    return Told(block, family, type(own).__name__, why)


Made = tuple[Told, Crystallised | None]


def _stand_in(
    network: Network, task: Task, block: int, became: Sequence[Became], effort: Effort, progress: Callable[[str], None]
) -> Made:
    """A layer's stand-in, taught; or why it stays."""
    mixer = mixer_of(network, block)
    families = {each.family for each in became}
    family = "/".join(sorted(families)) or "unexamined"
    if not became:
        return _stays(network, block, family, "nothing is known of it"), None
    if len(became) > 1:
        return _stays(network, block, family, f"it is applied {len(became)} times with the same weights"), None
    if isinstance(mixer, Crystallised) or family in CLASSICAL.get(type(mixer), ()):
        return _stays(network, block, family, "it is a classical layer already"), None
    if family not in STARTS:
        return _stays(network, block, family, f"no classical layer is {family}"), None
    sample = next(iter(batches(task, 1)))
    heard = watch(network, block, sample)
    ordered = sample.domain is None or _regular(sample.domain)
    layer = Layer(mixer, became[0], heard, network.norm.normalized_shape[0], _causal(mixer, network), ordered)
    try:
        spec, piece = STARTS[family](layer)
    except StaysError as error:
        return _stays(network, block, family, str(error)), None
    progress(f"layer {block + 1}: {family}, a {spec['piece']} learns from it")
    agrees = distil(piece, network, block, task, effort.distil_steps)
    return Told(block, family, spec["piece"], became[0].reason, agrees), Crystallised(piece, spec)


def _regular(domain: Domain) -> bool:
    return (isinstance(domain, Line) and domain.times is None) or (isinstance(domain, Grid) and len(domain.shape) == 1)


def _causal(mixer: nn.Module, network: Network) -> bool:
    return bool(getattr(mixer, "causal", causal_for(network.genome, network.task)))


def _whole(
    network: Network, task: Task, made: Sequence[Made], before: float, effort: Effort, progress: Callable[[str], None]
) -> Crystallisation:
    """All stand-ins together, tuned on the task where that helps."""
    whole = copy.deepcopy(network)
    for (told, piece), block in zip(made, whole.blocks, strict=True):
        if piece is not None:
            block.mixer = copy.deepcopy(piece)
        assert told.replaced == (piece is not None)
    after, steps = score(whole, task), 0
    if any(piece is not None for _, piece in made) and effort.tune_steps and after < before:
        progress(f"together they score {after:.4f}, the network {before:.4f}: tuning")
        tuned = copy.deepcopy(whole)
        fine_tune(tuned, task, effort.tune_steps)
        found = score(tuned, task)
        if found > after:
            whole, after, steps = tuned, found, effort.tune_steps
    return Crystallisation(
        whole.eval(),
        [told for told, _ in made],
        before,
        after,
        task.chance,
        {"distil": effort.distil_steps, "tune": steps},
    )
