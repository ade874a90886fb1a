"""Which kernel the atlas has open: a trial's file, a replica, a layer, a head, a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from itnas.dashboard.choices import Choices
from itnas.dashboard.view import RunView
from itnas.figures.kernels.entries import limit_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from itnas.store.kernels import KernelFile

OWN, SHARED = "own", "shared"


@dataclass(frozen=True)
class KernelChoice:
    file: KernelFile
    trial: int
    replica: int
    layer: int
    head: int
    sample: int
    family: str | None  # whose replaced kernel is shown
    shared: bool  # whether colours mean the same in all kernels of the trial

    @classmethod
    def of(cls, view: RunView, choices: Choices) -> KernelChoice | None:
        """What was chosen, as far as it is there; None where no kernels were kept."""
        trial = view.kernel_trial(choices)
        file = None if trial is None else view.kernels(trial)
        if trial is None or file is None or not file.replicas():
            return None
        replica = file.replicas()[0]
        layers = file.layers(replica)
        asked = choices.number("layer")
        layer = asked if asked in layers else layers[0]
        heads = _heads(file, replica, layer)
        families = file.families(replica, layer)
        chosen = choices["family"]
        return cls(
            file,
            trial,
            replica,
            layer,
            min(choices.number("head") or 0, max(heads - 1, 0)),
            choices.number("sample") or 0,
            chosen if chosen in families else next(iter(families), None),
            choices["limit"] == SHARED,
        )

    @property
    def about(self) -> Mapping[str, Any]:
        return self.file.about(self.replica, self.layer)

    @property
    def families(self) -> dict[str, dict[str, Any]]:
        return self.file.families(self.replica, self.layer)

    @property
    def samples(self) -> int:
        examples = self.array("examples")
        return 0 if examples is None else len(examples)

    def array(self, name: str) -> NDArray[Any] | None:
        return self.file.array(self.replica, self.layer, name)

    def of_head(self, name: str) -> NDArray[Any] | None:
        found = self.array(name)
        return None if found is None or self.head >= len(found) else found[self.head]

    def sample_of(self, name: str, sample: int | None = None) -> NDArray[Any] | None:
        """One head's kernel of one sample; the last where there are fewer."""
        found = self.array(name)
        if found is None or not len(found) or self.head >= found.shape[1]:
            return None
        kernel: NDArray[Any] = found[min(self.sample if sample is None else sample, len(found) - 1), self.head]
        return kernel

    @property
    def replaced_sample(self) -> int:
        """Replaced kernels are kept of the first samples only."""
        found = None if self.family is None else self.array(f"replaced.{self.family}")
        return 0 if found is None else min(self.sample, len(found) - 1)

    @property
    def limit(self) -> float | None:
        """The size at which colours are full, where all kernels of the trial share it."""
        if not self.shared:
            return None
        own = [self.file.array(self.replica, layer, "averaged") for layer in self.file.layers(self.replica)]
        return max((limit_of(each) for each in own if each is not None), default=None)


def _heads(file: KernelFile, replica: int, layer: int) -> int:
    found = file.array(replica, layer, "examples")
    return 0 if found is None else found.shape[1]
