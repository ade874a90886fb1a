"""ImageNet-1K's folders in miniature: all thousand classes, few images, true numbers."""

import io
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from itnas.datasets.imagenet import classes, entries
from itnas.datasets.imagenet_meta import synsets_of_meta

# The first, the validation set's first, and two of which the development kit's order is not the sorted one.
TENCH, SNAKE, FOX, SETTER = "n01440764", "n01751748", "n02119789", "n02100735"
NUMBERS = {TENCH: 449, SNAKE: 490, FOX: 1, SETTER: 2}
REST = [f"n09{number:06}" for number in range(996)]
SYNSETS = sorted([*NUMBERS, *REST])
LABELS = {synset: label for label, synset in enumerate(SYNSETS)}
BY_NUMBER = {number: synset for synset, number in NUMBERS.items()}
BY_NUMBER |= dict(zip(sorted(set(range(1, 1001)) - set(BY_NUMBER)), REST, strict=True))
NUMBERED = "".join(f"{BY_NUMBER[number]} {number} some_name\n" for number in range(1, 1001))
SOLUTION = (
    "ImageId,PredictionString\n"
    f"ILSVRC2012_val_00000003,{FOX} 255 142 454 329 {FOX} 44 21 322 295 \n"
    f"ILSVRC2012_val_00000001,{SNAKE} 156 48 272 332\n"
    f"ILSVRC2012_val_00000002,{TENCH}\n"
)
TRUTH = "490\n449\n1\n"
VALIDATION = [LABELS[SNAKE], LABELS[TENCH], LABELS[FOX]]


def _meta(compressed: bool = True) -> bytes:
    """As the development kit has it: classes first, then groups of them, with more fields than are read."""
    kind = [(name, object) for name in ("ILSVRC2012_ID", "WNID", "words", "num_children", "children")]
    rows = [(float(n), BY_NUMBER[n], "kit fox", 0.0, np.zeros((1, 0))) for n in range(1, 1001)]
    rows += [(1000.0 + n, f"n10{n:06}", "group", 2.0, np.array([[1.0, 2.0]])) for n in range(1, 4)]
    file = io.BytesIO()
    savemat(file, {"synsets": np.array(rows, dtype=kind).reshape(-1, 1)}, do_compression=compressed)
    return file.getvalue()


META, PLAIN = _meta(), _meta(compressed=False)


def _image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xff\xd8")


def _folders(place: Path, name: Callable[[str], str]) -> None:
    for synset in SYNSETS:
        _image(place / synset / name(synset))


def _flat(place: Path, numbers: Iterable[int] = (1, 2, 3)) -> None:
    for number in numbers:
        _image(place / f"ILSVRC2012_val_{number:08}.JPEG")


@pytest.fixture(scope="module")
def _train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("published") / "train"
    _folders(place, lambda synset: f"{synset}_10026.JPEG")
    _image(place / TENCH / f"{TENCH}_1.JPEG")
    _image(place / TENCH / f"._{TENCH}_1.JPEG")
    (place / ".DS_Store").touch()
    return place


@pytest.fixture
def root(tmp_path: Path, _train: Path) -> Path:
    """A training set that is a link, as it is where disks are shared, and validation images side by side."""
    (tmp_path / "train").symlink_to(_train, target_is_directory=True)
    _flat(tmp_path / "val")
    return tmp_path


def test_labels_are_the_places_of_the_sorted_synsets(root: Path) -> None:
    assert classes(root) == SYNSETS
    found = entries(root, "train")
    assert [label for _, label in found] == [0, *range(1000)]
    assert [path.name for path, _ in found[:2]] == [f"{TENCH}_1.JPEG", f"{TENCH}_10026.JPEG"]
    assert all(path.parent == root / "train" / SYNSETS[label] for path, label in found)


def test_validation_images_in_class_folders(root: Path) -> None:
    shutil.rmtree(root / "val")
    _folders(root / "val", lambda synset: f"ILSVRC2012_val_{LABELS[synset]:08} ö\n.JPEG")
    assert [label for _, label in entries(root, "val")] == list(range(1000))


@pytest.mark.parametrize("place", [".", "ILSVRC2012_devkit_t12/data", "devkit/data"])
@pytest.mark.parametrize(
    "files",
    [
        {"LOC_val_solution.csv": SOLUTION},
        {"LOC_val_solution.csv": "\ufeff" + SOLUTION.replace("\n", "\r\n")},
        {"ILSVRC2012_validation_ground_truth.txt": TRUTH, "map_clsloc.txt": NUMBERED},
        {"ILSVRC2012_validation_ground_truth.txt": TRUTH.replace("\n", "\r\n"), "meta.mat": META},
        {"ILSVRC2012_validation_ground_truth.txt": TRUTH.rstrip(), "meta.mat": _meta(compressed=False)},
    ],
    ids=["kaggle", "kaggle-dos", "numbered", "devkit", "devkit-plain"],
)
def test_validation_images_side_by_side(root: Path, place: str, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        (root / place).mkdir(parents=True, exist_ok=True)
        (root / place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    found = entries(root, "val")
    assert [path.name for path, _ in found] == [f"ILSVRC2012_val_0000000{number}.JPEG" for number in (1, 2, 3)]
    assert [label for _, label in found] == VALIDATION


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("LOC_synset_mapping.txt", "".join(f"{synset} tench, Tinca tinca\n" for synset in SYNSETS)),
        ("devkit/data/map_clsloc.txt", NUMBERED),
        ("ILSVRC2012_devkit_t12/data/meta.mat", META),
    ],
)
def test_kaggles_tree_without_a_training_set(tmp_path: Path, name: str, content: str | bytes) -> None:
    _flat(tmp_path / "ILSVRC/Data/CLS-LOC/val")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "LOC_val_solution.csv").write_text(SOLUTION)
    assert classes(tmp_path) == SYNSETS
    assert [label for _, label in entries(tmp_path, "val")] == VALIDATION
    with pytest.raises(ValueError, match="train is missing"):
        entries(tmp_path, "train")


def test_the_sorted_list_cannot_explain_the_development_kits_numbers(root: Path) -> None:
    (root / "LOC_synset_mapping.txt").write_text("\n".join(SYNSETS))
    (root / "ILSVRC2012_validation_ground_truth.txt").write_text(TRUTH)
    with pytest.raises(ValueError, match=r"counts classes as the development kit does: its data/meta.mat, or map"):
        entries(root, "val")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("LOC_val_solution.csv", "", "line 1: '' is not ImageId,PredictionString"),
        ("LOC_val_solution.csv", SOLUTION.replace(FOX + " 255", "fox 255"), "line 2: .* is not an image and its"),
        ("LOC_val_solution.csv", SOLUTION.replace("ILSVRC2012_val_00000003", "../../x"), "line 2: .* is not an image"),
        ("LOC_val_solution.csv", SOLUTION.replace("00000003", "00000001"), "line 3: ILSVRC2012_val_00000001 is there"),
        ("LOC_val_solution.csv", SOLUTION.replace(TENCH, "n00000001"), "names n00000001, which is none of the 1000"),
        ("LOC_val_solution.csv", SOLUTION.replace("00000003", "00000004"), "00000003.JPEG has no label in"),
        ("LOC_val_solution.csv", f"{SOLUTION}ILSVRC2012_val_00000004,{FOX}\n", "has 3 images, but .* labels for 4"),
        ("LOC_val_solution.csv", b"\xff\xfe", "is not a text in UTF-8"),
        ("ILSVRC2012_validation_ground_truth.txt", "490\n0\n1\n", "line 2: '0' is not a class from 1 to 1000"),
        ("ILSVRC2012_validation_ground_truth.txt", "490\n\n1\n", "line 2: '' is not a class"),
        ("ILSVRC2012_validation_ground_truth.txt", "490\n1001\n1\n", "line 2: '1001' is not a class"),
        ("ILSVRC2012_validation_ground_truth.txt", "490\n²\n1\n", "line 2: '²' is not a class"),
        ("ILSVRC2012_validation_ground_truth.txt", "490\n449\n", "00000003.JPEG has no label in"),
        ("map_clsloc.txt", NUMBERED.replace(" 2 ", " 1 "), "line 2: .* does not number a class from 1 to 1000 once"),
        ("map_clsloc.txt", NUMBERED.replace(FOX, "fox"), "line 1: 'fox' is not a synset such as n01440764"),
        ("map_clsloc.txt", NUMBERED.replace(FOX, TENCH), "names 999 classes, not 1000"),
    ],
)
def test_bad_label_files_are_one_sentence(root: Path, name: str, content: str | bytes, words: str) -> None:
    if not name.startswith("LOC"):
        (root / "map_clsloc.txt").write_text(NUMBERED)
        (root / "ILSVRC2012_validation_ground_truth.txt").write_text(TRUTH)
    (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=words) as caught:
        entries(root, "val")
    assert "\n" not in str(caught.value)


def test_bad_folders_are_one_sentence(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ValueError, match=r"neither LOC_val_solution.csv nor ILSVRC2012_validation_ground_truth.txt"):
        entries(root, "val")
    with pytest.raises(ValueError, match="no split 'test' with labels: choose train or val"):
        entries(root, "test")
    (root / "val" / FOX).mkdir()
    with pytest.raises(ValueError, match="has both images and class folders"):
        entries(root, "val")
    shutil.rmtree(root / "val")
    for synset in SYNSETS[:-1]:
        (root / "val" / synset).mkdir(parents=True)
    with pytest.raises(ValueError, match=f"has 999 class folders .*: {SYNSETS[-1]} is missing"):
        entries(root, "val")
    (root / "val" / SYNSETS[-1]).mkdir()
    with pytest.raises(ValueError, match=r"class folders without images: .* and 997 more are empty"):
        entries(root, "val")
    (root / "train").unlink()
    (root / "train" / FOX).mkdir(parents=True)
    with pytest.raises(ValueError, match="train has 1 classes, not 1000: labels would not be those of ImageNet-1K"):
        classes(root)
    with pytest.raises(ValueError, match="has no class folders in train or val"):
        classes(tmp_path_factory.mktemp("empty"))


def test_meta_numbers_the_classes_and_not_the_groups(tmp_path: Path) -> None:
    (tmp_path / "meta.mat").write_bytes(META)
    assert synsets_of_meta(tmp_path / "meta.mat") == BY_NUMBER


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 3000), sign=st.binary(max_size=8), cut=st.integers(0, 3000))
@pytest.mark.parametrize("compressed", [True, False])
def test_spoiled_meta_raises_nothing_but_value_errors(
    tmp_path: Path, compressed: bool, at: int, sign: bytes, cut: int
) -> None:
    path = tmp_path / "meta.mat"
    whole = META if compressed else PLAIN
    for content in (whole[:cut], whole[:at] + sign + whole[at + len(sign) :]):
        path.write_bytes(content)
        try:
            told = synsets_of_meta(path)
        except ValueError:
            continue
        assert len(told) <= 1000


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 160), sign=st.binary(max_size=4), length=st.integers(0, 30))
def test_spoiled_label_files_raise_nothing_but_value_errors(root: Path, at: int, sign: bytes, length: int) -> None:
    whole = SOLUTION.encode()
    (root / "LOC_val_solution.csv").write_bytes(whole[:at] + sign + whole[at + length :])
    try:
        found = entries(root, "val")
    except ValueError:
        return
    assert all(path.parent == root / "val" and 0 <= label < 1000 for path, label in found)
