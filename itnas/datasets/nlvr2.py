"""NLVR2: is a sentence true of two photographs? One JSON object a line, two image files each.

The records are published at https://github.com/lil-lab/nlvr (`nlvr2/data`), the images on request from there. Training
images lie in numbered folders that the records name, all others side by side. Some are no PNG despite their names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itnas.datasets.pictures import CorruptFileError

SPLITS = (
    "train", "dev", "test1", "test2", "balanced/balanced_dev", "balanced/balanced_test1",
    "unbalanced/unbalanced_dev", "unbalanced/unbalanced_test1",
)  # fmt: skip
# Split, set of eight images, pair in it, sentence. Nothing else may become part of a file's name.
IDENTIFIER = re.compile(r"((?:train|dev|test\d)-\d{1,9}-\d{1,9})-\d{1,9}", re.ASCII)
OBTAINED = "records are in nlvr2/data of github.com/lil-lab/nlvr, images are sent on request from there"
NUMBER = re.compile(r"\d{1,9}", re.ASCII)
LABELS = {"true": True, "false": False}


@dataclass(frozen=True)
class Pair:
    """A sentence, whether it is true, and the names of the two images that it is about."""

    identifier: str
    sentence: str
    label: bool
    left: str
    right: str
    directory: str | None = None  # of training images: the folder of both

    @property
    def split(self) -> str:
        """Whose images these are: those of `balanced/balanced_dev` are among `dev`'s."""
        return self.identifier.partition("-")[0]


def missing(folder: str | Path, splits: Iterable[str] = ("train", "dev", "test1")) -> list[str]:
    """The files of records, and the folders of images, that are not there."""
    root = Path(folder)
    lacking = []
    for split in splits:
        if not any(place.is_file() for place in _places(root, split)):
            lacking.append(f"{split}.json")
        ways = (root / "images" / split, root / split)
        if not any(next(way.rglob("*.png"), None) for way in ways) and not _side_by_side(root, split):
            lacking.append(f"images/{split}")
    return lacking


def records(folder: str | Path, split: str) -> list[Pair]:
    """The records of a split, in the order of its file."""
    if split not in SPLITS:
        raise ValueError(f"NLVR2 has no split {split!r}: choose one of {', '.join(SPLITS)}")
    places = _places(Path(folder), split)
    place = next((each for each in places if each.is_file()), None)
    if place is None:
        raise ValueError(f"{places[0]} is missing, and {places[1]}: they are in nlvr2/data of github.com/lil-lab/nlvr")
    return read_records(place)


def _side_by_side(root: Path, split: str) -> bool:
    """Whether images of a split lie with those of others."""
    ways = ("", "images/", "[0-9]*/", "images/[0-9]*/")
    return any(next(root.glob(f"{way}{split}-*.png"), None) for way in ways)


def _places(root: Path, split: str) -> list[Path]:
    """Where the records of a split may be."""
    return [Path(root, *way, f"{split}.json") for way in ((), ("data",), ("nlvr2", "data"))]


def read_records(path: str | Path) -> list[Pair]:
    """The records of a file, in order."""
    place = Path(path)
    try:
        content = place.read_bytes()
    except OSError as error:
        raise ValueError(f"{place} cannot be read ({error.strerror or error})") from error
    found = []
    # Not `splitlines`: a sentence may hold signs that it takes for line ends.
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(_record(line))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{place}: line {number}: {_told(error)}") from error
    if not found:
        raise ValueError(f"{place} holds no records")
    return found


def images(folder: str | Path, pair: Pair) -> tuple[Path, Path]:
    """Where the two images are: as the archives unpack, or all side by side as `download_images.py` leaves them."""
    root = Path(folder)
    ways = [root / "images" / pair.split, root / pair.split, root / "images", root]
    if pair.directory is not None:
        ways = [each / pair.directory for each in ways] + ways
    for way in ways:
        if (way / pair.left).is_file() and (way / pair.right).is_file():
            return way / pair.left, way / pair.right
    nearest = next((way for way in ways if any((way / name).is_file() for name in (pair.left, pair.right))), ways[0])
    absent = nearest / (pair.right if (nearest / pair.left).is_file() else pair.left)
    raise CorruptFileError(absent, "it is not there; ask for the images at github.com/lil-lab/nlvr")


def _record(line: bytes) -> Pair:
    told = json.loads(line.decode("utf-8"))
    if not isinstance(told, dict):
        raise ValueError("it is not a JSON object with an identifier, a sentence and a label")
    identifier, sentence, label = (_text(told, name) for name in ("identifier", "sentence", "label"))
    named = IDENTIFIER.fullmatch(identifier)
    if named is None:
        raise ValueError(f"the identifier {identifier[:60]!r} is not of the form train-10171-0-0")
    if label.lower() not in LABELS:
        raise ValueError(f"the label is {label[:60]!r}, neither True nor False")
    directory = _directory(told) if identifier.startswith("train-") else None
    return Pair(identifier, sentence, LABELS[label.lower()], f"{named[1]}-img0.png", f"{named[1]}-img1.png", directory)


def _text(told: dict[str, Any], name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str):
        raise ValueError(f"its {name} is missing" if found is None else f"its {name} is not a text")
    return found


def _directory(told: dict[str, Any]) -> str | None:
    found = told.get("directory")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, (int, str)) or not NUMBER.fullmatch(str(found)):
        raise ValueError(f"its directory is {str(found)[:60]!r}, not a number")
    return str(found)


def _told(error: Exception) -> str:
    """What is wrong, without the parser's own lines and columns."""
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON: {error.msg}"
    if isinstance(error, UnicodeDecodeError):
        return "not a text in UTF-8"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
