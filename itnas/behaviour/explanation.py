"""What `itnas.explain` found out: a verdict per layer and head, with its evidence, and how it reads in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from itnas.behaviour.evidence import SUMS, Evidence
from itnas.behaviour.fidelity import Fidelity
from itnas.behaviour.replacements import FAMILIES
from itnas.behaviour.sentences import sentence
from itnas.behaviour.thresholds import Thresholds
from itnas.behaviour.verdict import Reading, Trends
from itnas.plain import finite

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LayerVerdict:
    """What one layer, or one of its heads, turned out to be."""

    layer: int
    name: str  # of the module, and of the call where it is called more than once
    kind: str  # what kind of layer it is
    replica: int
    head: int | None
    reading: Reading
    by_length: Mapping[int, Evidence]
    judged: str  # "task" or "output"
    thresholds: Thresholds = field(default_factory=Thresholds)
    null: float | None = None  # share of untrained copies of the same family
    nearly: float | None = None  # share of untrained copies that show it or come near
    imposed: bool | None = None
    untrained: tuple[str, ...] = ()  # what each untrained copy shows in its place
    share: float = 1.0  # of the layer's output, for a head
    heads: tuple[LayerVerdict, ...] = ()
    blocks: tuple[LayerVerdict, ...] = ()  # on a union: within each part, and from each part to each other
    block: str | None = None  # of such a verdict, which one it is: `image`, or `image -> question`
    jointly: bool = False  # whether it was read with the other layers replaced by what they became

    @property
    def family(self) -> str:
        return self.reading.family

    @property
    def parts(self) -> tuple[str, ...]:
        return self.reading.parts

    @property
    def main(self) -> Evidence:
        """The evidence at the longest length."""
        return self.by_length[max(self.by_length)]

    @property
    def by_heads(self) -> bool:
        """Whether it is its heads' verdicts that account for the layer."""
        return self.reading.by_heads

    @property
    def fidelity(self) -> dict[str, float]:
        """The best fidelity of each family."""
        return {family: self.main.value(family) for family in self.main.curves}

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the fidelity of what the verdict rests on."""
        return self._best.low, self._best.high

    @property
    def _best(self) -> Fidelity:
        """Of the replacement that the verdict rests on."""
        found = self.main.curves.get(self.told_by)
        return Fidelity(math.nan, math.nan, math.nan) if found is None else found.best

    @property
    def told_by(self) -> str:
        """The replacement that the verdict rests on."""
        if self.family == "attention":
            kinds = ("attention", "positional", "neighbouring")
            return next((kind for kind in kinds if self._holds(kind)), "attention")
        if self.family == "pointwise" and not self._holds("pointwise") and self.offsets == (0,):
            return "convolution"
        if self.family == "mixed" and self.parts:
            # A profile that fades is named a recurrence's, and replaced by the profile.
            sums = [name for name in SUMS if self.main.needed(name) is not None]
            return " + ".join(self.parts) if " + ".join(self.parts) in sums or not sums else sums[0]
        return self.family

    def _holds(self, family: str) -> bool:
        return self.main.needed(family) is not None

    @property
    def support(self) -> int | None:
        """w*: offsets that a convolution needs; of a local layer, how near its points are."""
        return self.main.needed("local" if self.family == "local" else "convolution")

    @property
    def offsets(self) -> tuple[int, ...]:
        """Which offsets i - j those are."""
        return self.main.offsets if self.main.needed("convolution") is not None else ()

    @property
    def state_size(self) -> int | None:
        """r*: numbers per head that must cross a cut, for all futures; None: more than were tried."""
        return self.main.needed("recurrence")

    @property
    def growth(self) -> dict[str, float | None]:
        """Slopes of log(1 + budget) on log N: 0 stays, 1 grows like N."""
        trends = Trends(self.by_length)
        near = trends.near if self.family == "local" else trends.support
        return {
            "state": None if trends.state is None else trends.state.slope,
            "support": None if near is None else near.slope,
        }

    @property
    def state_trend(self) -> str | None:
        """bounded, grows or undecided; None on domains without an order."""
        state = Trends(self.by_length).state
        return None if state is None else state.trend(self.thresholds)

    @property
    def states(self) -> dict[int, int | None]:
        """r* by length, where it was looked for; None: more than were tried."""
        measured = {length: each for length, each in sorted(self.by_length.items()) if "recurrence" in each.curves}
        return {length: each.needed("recurrence") for length, each in measured.items()}

    @property
    def emerged(self) -> bool | None:
        """Whether training made it so: no untrained copy shows it, or comes near. Only a task can tell."""
        if self.judged != "task" or self.nearly is None:
            return None
        return self.family not in ("none", "mixed") and self.nearly == 0

    def sentence(self) -> str:
        """The verdict in plain words."""
        return sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """A row of the table of layers."""
        low, high = self.interval
        row: dict[str, Any] = {
            "replica": self.replica,
            "layer": self.layer,
            "name": self.name,
            "kind": self.kind,
            "head": self.head,
            "block": self.block,
            "family": self.family,
            "parts": list(self.parts),
            "imposed": self.imposed,
            "emerged": self.emerged,
            "null": self.null,
            "nearly": self.nearly,
            "judged": self.judged,
            "share": self.share,
            "rho": self.main.rho,
            "jointly": self.jointly,
        }
        row |= {f"fidelity_{family}": self.fidelity.get(family) for family in FAMILIES if family != "none"}
        row |= {
            "told_by": self.told_by,
            "fidelity": finite(self._best.value),
            "fidelity_low": finite(low),
            "fidelity_high": finite(high),
            "support": self.support,
            "offsets": list(self.offsets),
            "state_size": self.state_size,
            "states": {str(length): need for length, need in self.states.items()},
            "growth_state": self.growth["state"],
            "growth_support": self.growth["support"],
            "reason": self.reading.reason,
            "sentence": self.sentence(),
            "untrained": list(self.untrained),
            "blocks": [each.to_dict() for each in self.blocks],
        }
        return row


@dataclass(frozen=True)
class Explanation:
    """Verdicts of all layers of one network, or of several replicas."""

    layers: tuple[LayerVerdict, ...]
    lengths: tuple[int, ...]
    thresholds: Thresholds
    task: str | None = None
    score: float | None = None
    chance: float | None = None
    # Lengths that were asked for, at which the network has lost its skill: what it scores there.
    dropped: Mapping[int, float | None] = field(default_factory=dict)
    whole: Mapping[int, Fidelity] = field(default_factory=dict)  # by replica: all layers replaced at once
    unexamined: Mapping[str, str] = field(default_factory=dict)  # layers of which nothing can be said, and why

    def rows(self) -> list[dict[str, Any]]:
        """One row per layer, with its blocks, and one per head below it."""
        return [each.to_dict() for layer in self.layers for each in (layer, *layer.heads)]

    def flat_rows(self) -> list[dict[str, Any]]:
        """One row per layer, and per block and head below it."""
        found = [each for layer in self.layers for each in (layer, *layer.blocks, *layer.heads)]
        return [{name: cell for name, cell in each.to_dict().items() if name != "blocks"} for each in found]

    def to_frame(self) -> pd.DataFrame:
        """The table of layers, blocks and heads."""
        import pandas as pd

        return pd.DataFrame(self.flat_rows())

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what `itnas explain --json` prints."""
        whole = {
            str(replica): [each.value, finite(each.low), finite(each.high)] for replica, each in self.whole.items()
        }
        return {
            "task": self.task,
            "score": self.score,
            "chance": self.chance,
            "lengths": list(self.lengths),
            "dropped": {str(length): score for length, score in self.dropped.items()},
            "thresholds": vars(self.thresholds) | {},
            "whole": whole,
            "unexamined": dict(self.unexamined),
            "layers": self.rows(),
        }

    def sentences(self) -> list[str]:
        """What each layer became, and of which layers nothing can be said."""
        left_out = [f"{name} was not examined: {why}." for name, why in self.unexamined.items()]
        told = [each.sentence() for layer in self.layers for each in (layer, *layer.blocks)]
        return told + left_out
