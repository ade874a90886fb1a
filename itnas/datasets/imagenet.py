"""ImageNet-1K (ILSVRC 2012): image files and labels 0 to 999, which count the synsets in sorted order.

Training images lie in a folder per class, `train/n01440764/n01440764_10026.JPEG`. Validation images lie in such
folders, or, as they are published, side by side: `val/ILSVRC2012_val_00000001.JPEG`. Their labels then are in one of

- `LOC_val_solution.csv` (Kaggle), the image and its synset a row, in no order: `ILSVRC2012_val_00000001,n01751748 ...`
- `ILSVRC2012_validation_ground_truth.txt` (development kit), in line k the class of image k as a number from 1 to
  1000. These numbers are not in sorted order (1 is n02119789); `map_clsloc.txt` or `meta.mat` tells which is which.
  `LOC_synset_mapping.txt` can not, as it lists the synsets sorted.

Names that files hold are looked up among those found in the folder; none is ever opened as a path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from itnas.datasets.imagenet_meta import synsets_of_meta

COUNT = 1000
SPLITS = ("train", "val")
SYNSET = re.compile(r"n\d{8}", re.ASCII)
IMAGE = re.compile(r"ILSVRC2012_val_(\d{8})", re.ASCII)
ENDINGS = (".jpeg", ".jpg", ".png")
# Where the archives, and Kaggle's, put images, and where labels are.
IMAGES = (".", "ILSVRC/Data/CLS-LOC")
LABELS = (
    ".", "val", "data", "devkit/data", "ILSVRC2012_devkit_t12/data", "ILSVRC2012_devkit_t12", "ILSVRC/devkit/data",
)  # fmt: skip
SOLUTION = "LOC_val_solution.csv"
TRUTH = "ILSVRC2012_validation_ground_truth.txt"
SORTED = "LOC_synset_mapping.txt"
NUMBERED = "map_clsloc.txt"
META = "meta.mat"
OBTAINED = "see image-net.org/download, or kaggle.com/c/imagenet-object-localization-challenge"

Entry = tuple[Path, int]


def classes(folder: str | Path) -> list[str]:
    """The synsets; a class's label is its place here."""
    root = Path(folder)
    for split in SPLITS:
        place = _split(root, split)
        found = _class_folders(place) if place else []
        if place and found:
            return _complete(found, f"{place} has")
    for read, name in ((_listed, SORTED), (_numbered, NUMBERED), (synsets_of_meta, META)):
        label_file = _label_file(root, name)
        if label_file:
            told = read(label_file)
            return _complete(list(told.values() if isinstance(told, Mapping) else told), f"{label_file} names")
    raise ValueError(f"{root} has no class folders in train or val, and no {SORTED} or {NUMBERED}: {OBTAINED}")


def missing(folder: str | Path) -> list[str]:
    """The folders of images that are not there, and the labels of those that lie side by side."""
    root = Path(folder)
    lacking = [split for split in SPLITS if _split(root, split) is None]
    train = _split(root, "train")
    if train is not None and not any(SYNSET.fullmatch(name) and (train / name).is_dir() for name in _names(train)):
        lacking.append("the folders of classes in train (unpack the archive of each class into a folder of its name)")
    place = _split(root, "val")
    if place is None or any(SYNSET.fullmatch(name) for name in _names(place)):
        return lacking
    if not any(name.lower().endswith(ENDINGS) for name in _names(place)):
        return [*lacking, "the images in val"]
    if _label_file(root, SOLUTION):
        return lacking
    if not _label_file(root, TRUTH):
        return [*lacking, f"{SOLUTION} (or the development kit with {TRUTH})"]
    return lacking if _label_file(root, NUMBERED) or _label_file(root, META) else [*lacking, f"{META} (or {NUMBERED})"]


def entries(folder: str | Path, split: str) -> list[Entry]:
    """Images and their labels: by class and then by name, or, where they lie side by side, by name."""
    if split not in SPLITS:
        raise ValueError(f"ImageNet-1K has no split {split!r} with labels: choose {' or '.join(SPLITS)}")
    root = Path(folder)
    place = _split(root, split)
    if place is None:
        raise ValueError(f"{root / split} is missing: {OBTAINED}")
    labels = {synset: label for label, synset in enumerate(classes(root))}
    flat = _images(place) if split == "val" else []
    own = _class_folders(place)
    if flat and own:
        raise ValueError(f"{place} has both images and class folders: put all images into folders, or none")
    return _labelled(root, place, flat, labels) if flat else _by_class(place, own, labels)


def _by_class(place: Path, own: Sequence[str], labels: Mapping[str, int]) -> list[Entry]:
    if list(own) != list(labels):
        lacking = sorted(set(labels) - set(own))
        raise ValueError(f"{place} has {len(own)} class folders and no images beside them: {_some(lacking)} missing")
    found = {synset: _images(place / synset) for synset in labels}
    empty = [synset for synset in labels if not found[synset]]
    if empty:
        raise ValueError(f"{place} has class folders without images: {_some(empty)} empty")
    return [(image, label) for synset, label in labels.items() for image in found[synset]]


def _labelled(root: Path, place: Path, flat: Sequence[Path], labels: Mapping[str, int]) -> list[Entry]:
    """Validation images side by side, with what their label file says."""
    solution, truth = _label_file(root, SOLUTION), _label_file(root, TRUTH)
    source = solution or truth
    if source is None:
        raise ValueError(f"{place} has images without class folders, and neither {SOLUTION} nor {TRUTH} is in {root}")
    told = _solution(source) if solution else _truth(root, source)
    unknown = next((synset for synset in told.values() if synset not in labels), None)
    if unknown is not None:
        raise ValueError(f"{source} names {unknown}, which is none of the {COUNT} classes")
    found = []
    for image in flat:
        matched = IMAGE.fullmatch(image.stem)
        if matched is None or int(matched[1]) not in told:
            raise ValueError(f"{image} has no label in {source}")
        found.append((image, labels[told[int(matched[1])]]))
    # Two names, such as .JPEG and .jpg, can be one image.
    if len(found) != len(told):
        raise ValueError(f"{place} has {len(found)} images, but {source} has labels for {len(told)}")
    return found


def _solution(path: Path) -> dict[int, str]:
    """Synsets by the images' numbers; the boxes behind the first synset are of no use here."""
    header, *rows = _lines(path) or [""]
    if header.strip() != "ImageId,PredictionString":
        raise ValueError(f"{path}: line 1: {header[:60]!r} is not ImageId,PredictionString")
    found: dict[int, str] = {}
    for number, row in enumerate(rows, start=2):
        if not row.strip():
            continue
        image, _, objects = row.partition(",")
        named, synset = IMAGE.fullmatch(image.strip()), objects.strip().strip('"').partition(" ")[0]
        if named is None or not SYNSET.fullmatch(synset):
            raise ValueError(f"{path}: line {number}: {row[:60]!r} is not an image and its synset")
        if int(named[1]) in found:
            raise ValueError(f"{path}: line {number}: {image.strip()} is there twice")
        found[int(named[1])] = synset
    return found


def _truth(root: Path, path: Path) -> dict[int, str]:
    """Synsets by the images' numbers, through the development kit's own numbers of classes."""
    numbered, meta = _label_file(root, NUMBERED), _label_file(root, META)
    source = numbered or meta
    if source is None:
        raise ValueError(
            f"{path} counts classes as the development kit does: its data/{META}, or {NUMBERED}, is missing in {root}"
        )
    synsets = _numbered(source) if numbered else synsets_of_meta(source)
    _complete(list(synsets.values()), f"{source} names")
    found = {}
    lines = _lines(path)
    while lines and not lines[-1].strip():
        lines.pop()
    # No blank line is skipped in between: the line's number is the image's.
    for number, line in enumerate(lines, start=1):
        word = line.strip()
        told = int(word) if re.fullmatch(r"[0-9]{1,4}", word) else 0
        if told not in synsets:
            raise ValueError(f"{path}: line {number}: {line[:60]!r} is not a class from 1 to {COUNT}")
        found[number] = synsets[told]
    return found


def _listed(path: Path) -> list[str]:
    """A synset at the begin of each line."""
    return [_synset(path, number, line) for number, line in enumerate(_lines(path), start=1) if line.strip()]


def _numbered(path: Path) -> dict[int, str]:
    """Synsets by the development kit's numbers, from lines like `n02119789 1 kit_fox`."""
    found: dict[int, str] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        words = line.split()
        told = int(words[1]) if len(words) > 1 and re.fullmatch(r"[0-9]{1,4}", words[1]) else 0
        if not 1 <= told <= COUNT or told in found:
            raise ValueError(f"{path}: line {number}: {line[:60]!r} does not number a class from 1 to {COUNT} once")
        found[told] = _synset(path, number, line)
    return found


def _synset(path: Path, number: int, line: str) -> str:
    word = line.split()[0]
    if not SYNSET.fullmatch(word):
        raise ValueError(f"{path}: line {number}: {word[:60]!r} is not a synset such as n01440764")
    return word


def _complete(found: Sequence[str], source: str) -> list[str]:
    """Sorted, if they are all: with one missing, the labels behind it would be those of others."""
    if len(found) != COUNT or len(set(found)) != COUNT:
        raise ValueError(f"{source} {len(set(found))} classes, not {COUNT}: labels would not be those of ImageNet-1K")
    return sorted(found)


def _split(root: Path, split: str) -> Path | None:
    return next((root / way / split for way in IMAGES if (root / way / split).is_dir()), None)


def _label_file(root: Path, name: str) -> Path | None:
    return next((root / way / name for way in LABELS if (root / way / name).is_file()), None)


def _class_folders(place: Path) -> list[str]:
    return sorted(each.name for each in _inside(place) if SYNSET.fullmatch(each.name) and each.is_dir())


def _images(place: Path) -> list[Path]:
    """Files by name, without what systems leave beside them (`._ILSVRC2012_val_00000001.JPEG`)."""
    names = (each.name for each in _inside(place) if each.name.lower().endswith(ENDINGS) and each.is_file())
    return [place / name for name in sorted(names) if not name.startswith(".")]


def _names(place: Path) -> list[str]:
    try:
        return os.listdir(place)
    except OSError:
        return []  # to be told of by who reads it


def _inside(place: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as found:
            return list(found)
    except OSError as error:
        raise ValueError(f"{place} cannot be read ({error.strerror or error})") from error


def _lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text in UTF-8") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror or error})") from error


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest + (" are" if len(names) > 1 else " is")
