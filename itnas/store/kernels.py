"""What is kept of a trial's kernels, `kernels/12/kernels.npz`, read one array at a time.

Such files may come from elsewhere. Nothing in them is unpickled, no size is believed before it is checked, and whatever
is wrong ends in one sentence.
"""

from __future__ import annotations

import io
import json
import math
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itnas.store.connect import RunError

FILE = "kernels.npz"
MOST = 512 * 2**20  # bytes of all arrays together, unpacked
MEMBERS = 65_536
TEXT = 64 * 2**20  # bytes of one text, at 4 for each letter
LAYER = re.compile(r"(\d{1,6})\.(\d{1,6})")
ARRAY = re.compile(r"(\d{1,6}\.\d{1,6})\.([a-z][a-z_0-9]*(\.[a-z][a-z_0-9]*)?)")
TEXTS = ("about", "curves", "states")
REPLACED = "replaced."
LARGEST = 1e30  # number that means something
# Axes of each array, of which H are heads and n points. Later versions may hold others.
AXES = {
    "shown": "n", "examples": "EHnn", "averaged": "Hnn", "profile_mean": "Hc", "profile_sd": "Hc", "singular": "Hn",
    "frequencies": "f", "cuts": "t", "rank_profile": "Ht",
    "history": "THc", "history_steps": "T", "history_offsets": "c",
}  # fmt: skip
# What zipfile, zlib, NumPy's headers and JSON raise. RuntimeError: encrypted, or nested too deep.
DAMAGED = (
    ValueError, TypeError, RuntimeError, ArithmeticError, EOFError, MemoryError, SyntaxError, tokenize.TokenError,
    zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip

Key = tuple[int, int]  # replica and layer


@dataclass(frozen=True)
class KernelFile:
    """The layers of the replicas that were described, and the evidence on those that were examined."""

    path: Path
    _members: Mapping[str, zipfile.ZipInfo]
    _about: Mapping[Key, Mapping[str, Any]]
    _curves: Mapping[Key, list[dict[str, Any]]]
    _states: Mapping[Key, list[dict[str, Any]]]

    @classmethod
    def read(cls, path: str | Path) -> KernelFile:
        """The texts of a file, or of that in a folder; arrays are read when they are asked for."""
        place = Path(path)
        if place.is_dir():
            place = place / FILE
        with _explained(place), zipfile.ZipFile(place) as archive:
            members = _checked(archive)
            if "about" not in members:
                raise ValueError("it does not say what it is about")
            texts = {name: _text(archive, members[name]) for name in TEXTS if name in members}
            about = {key: each for key, each in _by_layer(texts["about"], _table).items() if each is not None}
            curves, states = _by_layer(texts.get("curves", {}), _curve), _by_layer(texts.get("states", {}), _state)
        return cls(place, members, about, curves, states)

    def replicas(self) -> list[int]:
        """Those whose kernels are here."""
        return sorted({replica for replica, _ in self._about})

    def layers(self, replica: int) -> list[int]:
        return sorted(layer for own, layer in self._about if own == replica)

    def examined(self) -> list[Key]:
        """Replicas and layers on which there is evidence."""
        return sorted(self._curves)

    def about(self, replica: int, layer: int) -> Mapping[str, Any]:
        """Its measures, and what there is to know of its arrays."""
        if (replica, layer) not in self._about:
            there = ", ".join(f"{own}.{number}" for own, number in sorted(self._about)[:20])
            raise RunError(f"{self.path}: no layer {layer} of replica {replica}: there are {there or 'none'}")
        return self._about[replica, layer]

    def array(self, replica: int, layer: int, name: str) -> NDArray[Any] | None:
        """One array as it was measured; None where the file has none of this name."""
        member = self._members.get(f"{replica}.{layer}.{name}")
        if member is None:
            return None
        axes = "EHnn" if name.startswith(REPLACED) else AXES.get(name)
        with _explained(self.path), zipfile.ZipFile(self.path) as archive:
            found = _array(archive, member)
            if axes is not None and (found.ndim != len(axes) or not found.size):
                raise ValueError(f"{member.filename} has the shape {found.shape}, not {len(axes)} axes")
            if axes is not None and axes.endswith("nn") and found.shape[-1] != found.shape[-2]:
                raise ValueError(f"{member.filename} is not square")
        return found * self._scale(replica, layer, name) if name.startswith(REPLACED) else found

    def families(self, replica: int, layer: int) -> dict[str, dict[str, Any]]:
        """Families whose replaced kernels are here (as arrays `replaced.family`): their budget, and whether it is
        enough."""
        told = self.about(replica, layer).get("replaced")
        known = told if isinstance(told, dict) else {}
        return {
            family: {name: each.get(name) for name in ("budget", "enough")}
            for family, each in known.items()
            if isinstance(each, dict) and f"{replica}.{layer}.{REPLACED}{family}" in self._members
        }

    def curves(self, replica: int, layer: int) -> list[dict[str, Any]]:
        """Rows with `family, budgeted, budget, value, low, high, needed`; none in files of before these were kept."""
        return self._curves.get((replica, layer), [])

    def states(self, replica: int, layer: int) -> list[dict[str, Any]]:
        """Rows with `family, length, needed`, which is None where more was needed than was tried."""
        return self._states.get((replica, layer), [])

    def _scale(self, replica: int, layer: int, name: str) -> np.float32:
        """What the entries of a replaced kernel are multiples of."""
        told = self.about(replica, layer).get("replaced")
        own = told.get(name.removeprefix(REPLACED)) if isinstance(told, dict) else None
        scale = _number(own, "scale") if isinstance(own, dict) else None
        # Single precision must hold what comes out.
        if scale is None or not 0 < scale < LARGEST:
            raise RunError(f"{self.path} is damaged (the scale of {name} is missing): restore it from a copy")
        return np.float32(scale)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside, as a sentence about the file."""
    try:
        yield
    except RunError:
        raise
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: the trial's kernels were not kept, or have been replaced since") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror or error})") from error
    except DAMAGED as error:
        # The file's own words may be quoted in it.
        text = "".join(sign if sign.isprintable() else " " for sign in str(error))[:120]
        raise RunError(f"{path} is damaged, or holds no kernels ({text}): restore it from a copy") from error


def _checked(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Members by name, none of which is read yet: what is packed small may be large."""
    listed = archive.infolist()
    if len(listed) > MEMBERS:
        raise ValueError(f"{len(listed)} arrays, more than {MEMBERS}")
    if sum(each.file_size for each in listed) > MOST:
        raise ValueError(f"more than {MOST // 10**6} MB of arrays")
    found = {}
    for each in listed:
        name = each.filename.removesuffix(".npy")
        if each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("it is compressed in a way that these files are not")
        if name == each.filename or not (name in TEXTS or ARRAY.fullmatch(name)) or name in found:
            raise ValueError(f"it holds {each.filename[:60]!r}, which is no array of a layer")
        found[name] = each
    return found


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, kinds: str = "fiu") -> NDArray[Any]:
    """An array as its own header describes it, if that is true: NumPy itself would first make room for what it says."""
    content = archive.read(member)
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"{member.filename} has a format of version {version}")
    shape, fortran, kind = read(stream)
    size = math.prod(shape) * kind.itemsize
    if kind.hasobject or kind.kind not in kinds or min(shape, default=0) < 0 or size != len(content) - stream.tell():
        raise ValueError(f"{member.filename} is not what its header says")
    found: NDArray[Any] = np.frombuffer(content, kind, math.prod(shape), stream.tell())
    return found.reshape(shape, order="F" if fortran else "C")


def _text(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    if member.file_size > TEXT:
        raise ValueError(f"{member.filename} is longer than texts are")
    found = _array(archive, member, "U")
    if found.ndim:
        raise ValueError(f"{member.filename} is no text")
    return json.loads(str(found[()]), parse_constant=lambda _: None)


def _by_layer(told: Any, each: Callable[[Any], Any]) -> dict[Key, Any]:
    """What is told of every `replica.layer`."""
    found: dict[Key, Any] = {}
    for name, own in _table(told).items():
        matched = LAYER.fullmatch(name)
        if matched is None:
            raise ValueError(f"{name[:60]!r} is not a replica and a layer")
        found[int(matched[1]), int(matched[2])] = each(own)
    return found


def _table(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise ValueError("it has no table where one belongs")
    return told


def _curve(told: Any) -> list[dict[str, Any]]:
    return [
        {
            "family": _word(row),
            "budgeted": row.get("budgeted") is True,
            "budget": _count(row, "budget"),
            "value": _number(row, "value"),
            "low": _number(row, "low"),
            "high": _number(row, "high"),
            "needed": None if row.get("needed") is None else _count(row, "needed"),
        }
        for row in _rows(told)
    ]


def _state(told: Any) -> list[dict[str, Any]]:
    return [
        {
            "family": _word(row),
            "length": _count(row, "length"),
            "needed": None if row.get("needed") is None else _count(row, "needed"),
        }
        for row in _rows(told)
    ]


def _rows(told: Any) -> list[dict[str, Any]]:
    if not isinstance(told, list) or not all(isinstance(row, dict) for row in told):
        raise ValueError("it has no rows where some belong")
    return told


def _word(row: dict[str, Any]) -> str:
    if not isinstance(row.get("family"), str):
        raise ValueError("a row names no family")
    return str(row["family"])


def _count(row: dict[str, Any], name: str) -> int:
    found = row.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**31:
        raise ValueError(f"a row's {name} is no count")
    return found


def _number(row: dict[str, Any], name: str) -> float | None:
    found = row.get(name)
    if not isinstance(found, (int, float)) or isinstance(found, bool) or not abs(found) < LARGEST:
        return None
    return float(found)
