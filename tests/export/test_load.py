"""Folders from anywhere: what does not fit is refused in one sentence, and nothing in them is run."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import yaml

import itnas

Spoil = Callable[[Path], None]


@pytest.fixture(scope="module")
def exported(swept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exports") / "crystal"
    itnas.export(swept, "flip-flop", out, trial=2, format="native", distil_steps=0, tune_steps=0, least=-10.0)
    return out


def _tensors(change: Callable[[dict[str, torch.Tensor]], Any]) -> Spoil:
    def spoil(folder: Path) -> None:
        tensors = safetensors.torch.load_file(folder / "model.safetensors")
        change(tensors)
        safetensors.torch.save_file(tensors, folder / "model.safetensors")

    return spoil


def _genome(**changes: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        data = yaml.safe_load((folder / "genome.yaml").read_text())
        for path, value in changes.items():
            owner, *parts = data, *path.split("__")
            for part in parts[:-1]:
                owner = owner[part]
            owner[parts[-1]] = value
        (folder / "genome.yaml").write_text(yaml.safe_dump(data))

    return spoil


def _layers(change: Callable[[list[Any]], Any]) -> Spoil:
    def spoil(folder: Path) -> None:
        layers = json.loads((folder / "layers.json").read_text())
        change(layers)
        (folder / "layers.json").write_text(json.dumps(layers))

    return spoil


def _bytes(name: str, change: Callable[[bytes], bytes]) -> Spoil:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes())) and None


def _first(tensors: dict[str, torch.Tensor]) -> str:
    return "readout.map.weight" if "readout.map.weight" in tensors else sorted(tensors)[-1]


HOSTILE: dict[str, tuple[Spoil, str]] = {
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "holds no exported network"),
    "an extra tensor": (_tensors(lambda own: own.update(extra=torch.zeros(3))), "numbers, but its genome's network"),
    "a renamed tensor": (_tensors(lambda own: own.update(other=own.pop(_first(own)))), "is missing"),
    "another shape": (_tensors(lambda own: own.update({_first(own): own[_first(own)].T.contiguous()})), "has shape"),
    "not a number": (_tensors(lambda own: own[_first(own)].fill_(float("nan"))), "not a number"),
    "a giant header": (_bytes("model.safetensors", lambda old: struct.pack("<Q", 2**40) + old[8:]), "header claims"),
    "a large header": (_bytes("model.safetensors", lambda _: struct.pack("<Q", 2**22) + b" " * 2**22), "header claims"),
    "cut short": (_bytes("model.safetensors", lambda old: old[: len(old) // 2]), "is damaged"),
    "empty": (_bytes("model.safetensors", lambda _: b""), "header claims|is damaged"),
    "a pickle": (_bytes("model.safetensors", lambda _: b"\x80\x04cos\nsystem\n" * 9), "header claims"),
    "a giant genome": (_genome(width=2**22), "tells of layers of width 32, but the genome's is 4194304"),
    "an unknown gene": (_genome(surprise=1), "surprise"),
    "somebody's class": (_genome(provenance__task="os:system"), "a class of somebody's own"),
    "no task": (_genome(provenance={}), "does not say which task"),
    "provenance is no mapping": (_genome(provenance=[1]), "a mapping is expected"),
    "an unknown piece": (_layers(lambda own: own.__setitem__(0, {"piece": "Linear"})), "unknown piece 'Linear'"),
    "a piece that is no layer": (_layers(lambda own: own.__setitem__(0, {"piece": "StandIn"})), "unknown piece"),
    "no piece": (_layers(lambda own: own.__setitem__(0, {"width": 3})), "names its piece"),
    "a giant piece": (_layers(lambda own: own[0].update(width=2**40)), "a whole number from 1 to"),
    "a text for a number": (_layers(lambda own: own[0].update(width="../..")), "a whole number from 1 to"),
    "an unknown setting": (_layers(lambda own: own[0].update(command=1)), "takes no command"),
    "a missing setting": (_layers(lambda own: own[0].pop("width")), "layer 1"),
    "a negative size": (_layers(lambda own: own[0].update(width=-1)), "a whole number from 1 to"),
    "a list for a number": (_layers(lambda own: own[0].update(heads=[1, 2])), "a whole number from 1 to"),
    "a number for a switch": (_layers(lambda own: own[0].update(pointwise=7)), "true or false"),
    "another width": (_layers(lambda own: own[0].update(width=4)), "width 4"),
    "weights of another kind": (
        _tensors(lambda own: own.update({_first(own): own[_first(own)].double()})),
        "are float64, not float32",
    ),
    "seeds that are none": (_genome(provenance__seeds="abc"), "provenance: seeds"),
    "a score that is none": (_genome(provenance__score=[1]), "provenance: score"),
    "verdicts without layers": (_genome(provenance__verdicts=[{"replica": 0}]), "provenance: verdicts"),
    "versions that are a list": (_genome(provenance__versions=[1]), "provenance: versions"),
    "too few layers": (_layers(lambda own: own.pop()), "tells of 1 layers"),
    "layers that are no list": (_bytes("layers.json", lambda _: b"{}"), "a list of layers"),
    "layers that are no JSON": (_bytes("layers.json", lambda _: b"[" * 100_000), "layers.json"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_folders(exported: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(exported, folder)
    spoil, said = HOSTILE[name]
    spoil(folder)
    with pytest.raises(ValueError, match=said) as error:
        itnas.load(folder)
    assert "\n" not in str(error.value)


def test_a_good_folder_is_loaded_wherever_it_lies(exported: Path, tmp_path: Path) -> None:
    """The Hub's cache holds links to files elsewhere."""
    (tmp_path / "linked").mkdir()
    for each in exported.iterdir():
        (tmp_path / "linked" / each.name).symlink_to(each)
    one, other = itnas.load(exported), itnas.load(tmp_path / "linked", task="flip-flop/length=16")
    batch = one.task.batch("test", size=2)
    with torch.no_grad():
        assert torch.equal(one(batch.inputs), other(batch.inputs))


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no exported network"):
        itnas.load(tmp_path / "nothing")
