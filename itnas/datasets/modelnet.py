"""ModelNet40: meshes in `airplane/train/airplane_0001.off`, 9,843 to train on and 2,468 to test, in 40 classes.

Published at https://modelnet.cs.princeton.edu as ModelNet40.zip.
"""

from __future__ import annotations

from pathlib import Path

CLASSES = (
    "airplane", "bathtub", "bed", "bench", "bookshelf", "bottle", "bowl", "car", "chair", "cone",
    "cup", "curtain", "desk", "door", "dresser", "flower_pot", "glass_box", "guitar", "keyboard", "lamp",
    "laptop", "mantel", "monitor", "night_stand", "person", "piano", "plant", "radio", "range_hood", "sink",
    "sofa", "stairs", "stool", "table", "tent", "toilet", "tv_stand", "vase", "wardrobe", "xbox",
)  # fmt: skip
SPLITS = ("train", "test")
OBTAINED = "unpack ModelNet40.zip from modelnet.cs.princeton.edu there"
UNPACKED = "ModelNet40"  # what the archive unpacks to


def missing(folder: str | Path) -> list[str]:
    """The folders of meshes that are not there, or that hold none."""
    root = _root(Path(folder))
    return [f"{name}/{split}" for name in CLASSES for split in SPLITS if not _meshes(root / name / split)]


def entries(folder: str | Path, split: str) -> list[tuple[Path, int]]:
    """Meshes and their labels, by class and then by name."""
    if split not in SPLITS:
        raise ValueError(f"ModelNet40 has no split {split!r}: choose {' or '.join(SPLITS)}")
    root = _root(Path(folder))
    found: list[tuple[Path, int]] = []
    missing = []
    for label, name in enumerate(CLASSES):
        meshes = _meshes(root / name / split)
        if not meshes:
            missing.append(f"{name}/{split}")
        found += [(mesh, label) for mesh in meshes]
    if missing:
        named = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise ValueError(f"{root} lacks meshes in {named}: {OBTAINED}")
    return found


def _root(folder: Path) -> Path:
    """The folder of the classes: the given one, or that which the archive made in it."""
    return folder if (folder / CLASSES[0]).is_dir() or not (folder / UNPACKED).is_dir() else folder / UNPACKED


def _meshes(folder: Path) -> list[Path]:
    """Without what systems leave beside them (`._chair_0001.off`, `.DS_Store`)."""
    try:
        inside = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ValueError(f"{folder} cannot be read ({error.strerror or error})") from error
    return [each for each in inside if each.suffix.lower() == ".off" and not each.name.startswith(".")]
