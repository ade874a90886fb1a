"""Who keeps what a training leaves behind: its checkpoint on the way, its outcome at the end."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

from torch import Tensor

from itnas.training import checkpoint
from itnas.training.outcome import outcome

if TYPE_CHECKING:
    from itnas.genome import Genome
    from itnas.training.result import Result
    from itnas.training.trainer import Training

State = tuple[dict[str, Tensor], dict[str, Any]]  # what `Training.state` says


class Keeper(abc.ABC):
    """A folder, or something that hands on to one elsewhere."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What the user knows it by."""

    @abc.abstractmethod
    def state(self) -> State | None:
        """What the checkpoint holds, if there is one."""

    @abc.abstractmethod
    def keep(self, genome: Genome, content: bytes) -> None:
        """Keep a checkpoint in the place of the one before."""

    @abc.abstractmethod
    def complete(self, genome: Genome, files: dict[str, bytes]) -> None:
        """Keep an outcome by its files, and no checkpoint any more."""

    def resume(self, training: Training) -> bool:
        """Go on from the checkpoint, if there is one."""
        state = self.state()
        if state is None:
            return False
        try:
            training.restore(*state)
        except (KeyError, RuntimeError, TypeError, AttributeError) as error:
            raise ValueError(
                f"the checkpoint in {self.name} does not fit ({error}): delete it to start again"
            ) from error
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}: name another folder, or delete it") from error
        return True

    def save(self, training: Training) -> None:
        """Leave behind what `resume` needs."""
        self.keep(training.recipe.genome, checkpoint.packed(*training.state()))

    def finish(self, training: Training, result: Result) -> dict[str, Any]:
        """Keep the outcome; what result.json holds."""
        found, files = outcome(training, result)
        self.complete(training.recipe.genome, files)
        return found
