"""`itnas.load`: an exported folder as a network, its files believed only as far as they were checked."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from itnas.export.documents import GENOME, WEIGHTS
from itnas.export.native.layers import LAYERS, crystallised, read_layers
from itnas.export.provenance import checked
from itnas.export.source import Source
from itnas.export.target import ABOUT
from itnas.files import read_document
from itnas.genome import Genome, apart
from itnas.models import Network, build_network
from itnas.tasks import Task, find
from itnas.training.trained_folder import fit

MOST_HEADER = 2**20  # bytes of the names and shapes of a network's tensors


def load(folder: str | Path, *, task: Task | str | None = None) -> Network:
    """The network of a `weights` or `native` export, on the CPU and in evaluation mode.

    `task`: the one it was trained on, where that is a class of the user's own; files name no code to run.
    """
    found = source_of(Path(folder), task).network
    assert found is not None
    return found


def is_export(path: Path) -> bool:
    return (path / ABOUT).is_file()


def source_of(path: Path, task: Task | str | None = None) -> Source:
    """An earlier export with weights, to be looked at, used or exported again."""
    missing = [name for name in (GENOME, WEIGHTS) if not (path / name).is_file()]
    if missing:
        raise ValueError(
            f"{path} holds no exported network ({', '.join(missing)} missing): "
            "name a folder that `itnas export --format weights` or `--format native` wrote"
        )
    document, told = apart(read_document(path / GENOME), str(path / GENOME))
    genome, told = Genome.from_dict(document, str(path / GENOME)), checked(told, str(path / GENOME))
    own = _task(path, told, task)
    layers = read_layers(path / LAYERS) if (path / LAYERS).is_file() else None
    network = _network(path, genome, own, layers)
    kept = {name: each for name, each in told.items() if name != "command"}
    return Source(genome, own, kept, network, folder=path)


def _task(path: Path, told: Mapping[str, Any], given: Task | str | None) -> Task:
    if given is not None:
        return find(given) if isinstance(given, str) else given
    label = told.get("task")
    if not isinstance(label, str):
        raise ValueError(f"{path / GENOME} does not say which task it is for: pass task=")
    if ":" in label:
        raise ValueError(f"{path / GENOME} is for the task {label}, a class of somebody's own: pass task= to use it")
    return find(label)


def _network(path: Path, genome: Genome, task: Task, layers: list[Any] | None) -> Network:
    """Sizes are compared before anything of them is made."""
    shapes = _header(path / WEIGHTS)
    with torch.device("meta"):
        try:
            planned = crystallised(build_network(genome, task), layers, path / LAYERS)
        except RuntimeError as error:
            raise ValueError(f"{path / GENOME} describes a network that cannot be made: {error}") from error
    wanted = sum(prod(part.shape) for part in planned.state_dict().values())
    held = sum(prod(shape) for shape in shapes.values())
    if wanted != held:
        raise ValueError(f"{path / WEIGHTS} holds {held:,} numbers, but its genome's network has {wanted:,}")
    tensors = _tensors(path / WEIGHTS)
    network = crystallised(build_network(genome, task), layers, path / LAYERS)
    fit(network, tensors, path / WEIGHTS)
    kinds = {name: part.dtype for name, part in network.state_dict().items()}
    other = next((name for name, part in tensors.items() if part.dtype != kinds[name]), None)
    if other is not None:
        kind, wanted = (str(each).removeprefix("torch.") for each in (tensors[other].dtype, kinds[other]))
        raise ValueError(f"{path / WEIGHTS}: the numbers of {other} are {kind}, not {wanted}")
    return network.eval()


def _header(path: Path) -> dict[str, list[int]]:
    """Names and shapes, from a header that is no larger than a network's can be."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
    if size > MOST_HEADER or size > path.stat().st_size:
        raise ValueError(f"{path} is no safetensors file of a network: its header claims {size:,} bytes")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _tensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
