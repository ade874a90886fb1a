"""A genome: everything that is needed to build one architecture and to train it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from itnas.features import Symmetry, respected
from itnas.files import read_document, write_document
from itnas.genes import ChannelMixing, Count, FactorisedKernel, Integral, Mixer, Training
from itnas.settings import Settings

if TYPE_CHECKING:
    from itnas.models.cost import Cost
    from itnas.tasks import Task

SCHEMA = 1
# From the schema version that a file was written in to the next: mapping in, mapping out.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def _several(layers: Any) -> Any:
    """One mixer need not stand in a list."""
    return [layers] if isinstance(layers, (str, dict, Settings)) else layers


class Genome(Settings):
    """One architecture and its training settings, frozen.

    `layers` holds the mixer of each block, or a single one that all `depth` blocks share the settings of. `tied` blocks
    share their weights too. `causal`: whether points see only those before them; None: as the task wants it.
    `symmetry` is a demand: a genome whose layers break it is refused.

    Two genomes that differ only in settings without effect are the same: `canonical` writes both in one way, and `hash`
    is taken of that. A field that a later version adds must be left out of `to_dict` at the value that keeps the old
    meaning; a changed default is a new schema version with a migration. Then hashes stay what they are.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    width: Count = 32
    depth: Annotated[int, Field(ge=1, le=64)] = 2
    layers: Annotated[tuple[Mixer, ...], Field(strict=False), BeforeValidator(_several)] = (Integral(),)
    tied: bool = False
    causal: bool | None = None
    symmetry: Symmetry | None = None
    channel_mixing: ChannelMixing = ChannelMixing()
    training: Training = Training()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.layers) not in (1, self.depth):
            raise ValueError(
                f"layers must be one for all blocks, or depth={self.depth} of them, got {len(self.layers)}"
            )
        if self.tied and len({layer.canonical() for layer in self.layers}) > 1:
            raise ValueError("tied blocks share their weights, so layers must be one for all blocks")
        for number, layer in enumerate(self.layers):
            heads = getattr(layer, "heads", 1)
            if not isinstance(layer, Integral) and self.width % heads:
                raise ValueError(f"layers.{number}: width={self.width} must be a multiple of heads={heads}")
        if self.symmetry is not None and self.symmetry not in self.symmetries():
            found = ", ".join(sorted(self.symmetries())) or "none"
            raise ValueError(f"symmetry={self.symmetry} is demanded, but the layers respect {found}")
        return self

    @property
    def blocks(self) -> tuple[Mixer, ...]:
        """The mixer of every block."""
        return self.layers if len(self.layers) == self.depth else self.layers * self.depth

    def symmetries(self) -> frozenset[Symmetry]:
        """The groups that every layer commutes with by construction, causality apart."""
        if not all(isinstance(layer, Integral) for layer in self.layers):
            return frozenset()
        return respected(set().union(*(layer.reads() for layer in self.layers if isinstance(layer, Integral))))

    @property
    def learns_rank(self) -> bool:
        kernels = [layer.kernel for layer in self.layers if isinstance(layer, Integral)]
        return any(isinstance(kernel, FactorisedKernel) and kernel.learned_rank for kernel in kernels)

    def irrelevant(self) -> set[str]:
        # The demand for a symmetry shapes nothing: it has been met, or there would be no genome.
        return {"symmetry"} | ({"tied"} if self.depth == 1 else set())

    def canonical(self) -> Self:
        genome = super().canonical()
        layers = tuple(_plain_values(layer, self.width) for layer in genome.layers)
        training = genome.training if self.learns_rank else genome.training.model_copy(update={"rank_penalty": 0.0})
        shared = layers[:1] if len(set(layers)) == 1 else layers
        return genome.model_copy(update={"layers": shared, "training": training})

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that are the same wherever and whenever the genome means the same."""
        identity = self.canonical().to_dict()
        del identity["schema"]
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def cost(self, length: int, task: Task | str | None = None, *, batch_size: int = 1) -> Cost:
        """Parameters, flops per point and activation memory at `length`, without building the network.

        Without a task the encoder and the head, which depend on it, are left out, and points stand in a sequence.
        """
        from itnas.models.cost import predict
        from itnas.tasks import find

        return predict(self, length, None if task is None else find(task), batch_size=batch_size)

    @classmethod
    def from_dict(cls, data: Any, where: str | None = None) -> Self:
        return super().from_dict(migrated(data, where or "genome"), where or "genome")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a genome from a YAML or JSON file.

        A `summary`, which search spaces have, and what an export says of where it comes from are no part of it.
        """
        data, _ = apart(read_document(Path(path)), str(path))
        if isinstance(data, dict) and isinstance(data.get("summary"), str):
            data = {name: each for name, each in data.items() if name != "summary"}
        return cls.from_dict(data, str(path))

    def save(self, path: str | Path) -> None:
        """Write the genome as YAML, or as JSON where the name ends in .json; the file is whole or untouched."""
        write_document(Path(path), self.to_dict())


def apart(data: Any, where: str) -> tuple[Any, dict[str, Any]]:
    """A genome's document without its `provenance`, and that."""
    if not isinstance(data, dict) or "provenance" not in data:
        return data, {}
    told = data["provenance"]
    if not isinstance(told, dict):
        raise ValueError(f"{where}: provenance: a mapping is expected, got {type(told).__name__}")
    return {name: each for name, each in data.items() if name != "provenance"}, told


def migrated(data: Any, where: str) -> Any:
    """Bring a mapping that an earlier version wrote to the present schema."""
    while isinstance(data, dict):
        version = data.get("schema", SCHEMA)
        if type(version) is not int:
            raise ValueError(f"{where}: schema: must be a whole number, got {version!r}")
        if version == SCHEMA:
            return data
        if version > SCHEMA:
            raise ValueError(
                f"{where}: schema {version} is newer than this itnas, which reads up to {SCHEMA}: upgrade it"
            )
        if version not in MIGRATIONS:
            raise ValueError(f"{where}: schema {version} is unknown: this itnas writes schema {SCHEMA}")
        data = {**MIGRATIONS[version](data), "schema": version + 1}
    return data


def _plain_values(layer: Mixer, width: int) -> Mixer:
    """The width of V that is the default anyway is not named."""
    if isinstance(layer, Integral) and layer.value_dim == -(-width // layer.heads):
        return layer.model_copy(update={"value_dim": None})
    return layer
