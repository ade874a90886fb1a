"""A training's folder: locked while in use, resumable when interrupted, complete when done.

genome.yaml  checkpoint.safetensors             while it trains
result.json  weights.safetensors  replicas.safetensors  curves.parquet    when it is done
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from itnas.files import write_atomically
from itnas.flock import locked
from itnas.genome import Genome
from itnas.training import checkpoint
from itnas.training.keeper import Keeper, State
from itnas.training.recipes import Recipe

if TYPE_CHECKING:
    pass


class TrainingFolder(Keeper):
    """Use it as a context: two processes cannot train in one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.lock: int | None = None
        self.made = False

    def __enter__(self) -> Self:
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"{self.path} is a file: name a folder")
        self.made = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        self.lock = os.open(self.path / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            free = locked(self.lock)
        except OSError as error:
            self._leave(self.lock)
            raise ValueError(
                f"{self.path} cannot be locked ({error.strerror}): name a folder on another disk"
            ) from error
        if not free:
            os.close(self.lock)
            raise ValueError(f"{self.path} is in use by another training: wait for it, or name another folder")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.lock is not None:
            self._leave(self.lock)

    def _leave(self, lock: int) -> None:
        if self.made and [each.name for each in self.path.iterdir()] == [".lock"]:
            # Nothing came of it: leave nothing behind.
            (self.path / ".lock").unlink()
            self.path.rmdir()
        os.close(lock)

    @property
    def result_path(self) -> Path:
        return self.path / "result.json"

    @property
    def checkpoint_path(self) -> Path:
        return self.path / "checkpoint.safetensors"

    def check_genome(self, recipe: Recipe) -> None:
        """Refuse a folder with the genome of something else, which would be written over."""
        path = self.path / "genome.yaml"
        if path.exists() and Genome.load(path).canonical() != recipe.genome.canonical():
            raise ValueError(f"{path} is another genome: name another folder")

    def _keep_genome(self, genome: Genome) -> None:
        """One that is there already is the same, perhaps with its author's comments."""
        path = self.path / "genome.yaml"
        if not path.exists():
            genome.save(path)

    def finished(self, recipe: Recipe, *, test: bool = False) -> dict[str, Any] | None:
        """The result that is there already. Of another recipe, or without the test score asked for, it stays."""
        self.check_genome(recipe)
        if not self.result_path.is_file():
            return None
        try:
            found: dict[str, Any] = json.loads(self.result_path.read_text())
            same, tested = found["recipe"] == recipe.to_dict(), found["test_score"] is not None
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.result_path} is damaged ({error}): delete the folder to start again") from error
        if not same:
            raise ValueError(f"{self.path} holds the result of another training: name another folder, or delete it")
        if test and not tested:
            raise ValueError(
                f"{self.path} holds this training's result without a test score: name another folder, or delete it"
            )
        return found

    @property
    def name(self) -> str:
        return str(self.path)

    def state(self) -> State | None:
        return checkpoint.load(self.checkpoint_path) if self.checkpoint_path.is_file() else None

    def keep(self, genome: Genome, content: bytes) -> None:
        self._keep_genome(genome)
        write_atomically(self.checkpoint_path, content)

    def complete(self, genome: Genome, files: dict[str, bytes]) -> None:
        """result.json comes last, so that it stands for all."""
        self._keep_genome(genome)
        for name, content in files.items():
            write_atomically(self.path / name, content)
        self.checkpoint_path.unlink(missing_ok=True)
