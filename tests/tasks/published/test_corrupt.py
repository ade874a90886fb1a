"""Files that hold nothing usable: told of once, counted, replaced, and too many of them end it."""

import re
from pathlib import Path

import pytest

from itnas.genome import Genome
from itnas.tasks import find
from itnas.tasks.published.base import corrupt_files
from itnas.training import recipe
from tests.tasks.published.miniatures import encoded, mesh, picture, write, write_modelnet, write_nlvr2, write_vqa
from tests.tasks.published.test_streams import same


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    return tmp_path


DAMAGED = {
    "empty": b"",
    "text": b"404: not found",
    "half a picture": encoded(picture(9, 300, 200))[:2000],
}


@pytest.mark.parametrize("damage", list(DAMAGED))
def test_a_corrupt_picture_is_told_of_once_and_replaced(
    root: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_nlvr2(root)
    task = find("nlvr2/size=32,patch=8,examples=24")
    sound = [task.batch(size=1, step=step) for step in range(25)]
    odd = write(folder / "images/train/1/train-7-0-img1.png", DAMAGED[damage])
    found = [task.batch(size=1, step=step) for step in range(24)] + [task.batch(size=1, step=24 * 5)]
    replaced = [step for step in range(24) if not same(sound[step], found[step])]
    assert len(replaced) == 1
    assert same(found[replaced[0]], sound[replaced[0] + 1])
    said = capsys.readouterr().err
    assert re.fullmatch(f"itnas: {re.escape(str(odd))} is corrupt: .+; another sample takes its place\n", said)
    assert corrupt_files("nlvr2", folder).paths == {odd}
    assert all(same(*pair) for pair in zip(found, [task.batch(size=1, step=step) for step in range(24)], strict=False))


def test_corrupt_pictures_of_one_batch_are_replaced_alike_in_any_company(root: Path) -> None:
    folder = write_vqa(root)
    for path in sorted((folder / "train2014").iterdir())[:6]:
        path.write_bytes(b"")
    task = find("vqa-v2/size=32,patch=8,bytes=16,answers=12")
    one_by_one = [task.batch(size=1, step=step, seed=1).inputs[0] for step in range(12)]
    together = task.batch(size=12, seed=1).inputs
    assert all(bool((one == other).all()) for one, other in zip(one_by_one, together, strict=True))


@pytest.mark.parametrize(
    "content", ["", "OFF\n3 1", mesh(1).replace("3 0 1 2", "3 0 1 9"), "PLY\n", "OFF\n1 1 0\n0 0 0\n3 0 0 0\n"]
)
def test_a_corrupt_mesh_is_told_of_and_left_out_of_the_score(
    root: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_modelnet(root)
    odd = write(folder / "chair/test/chair_0036.off", content)
    task = find("modelnet40/length=16")
    assert sum(len(batch) for batch in task.portions("test", 1)) == 39
    said = capsys.readouterr().err
    assert said.startswith(f"itnas: {odd} is corrupt: ")
    assert said.count("\n") == 1
    assert said.count(str(odd)) == 1


def test_too_many_end_it(root: Path) -> None:
    folder = write_modelnet(root)
    meshes = sorted(folder.glob("*/test/*.off"))
    for path in meshes[:4]:
        path.write_text("")
    assert sum(map(len, find("modelnet40/length=16,corrupt=4").portions("test", 1))) == 36
    with pytest.raises(ValueError, match=r"4 files are corrupt, more than corrupt=3 allows; the last was .*\.off"):
        list(find("modelnet40/length=16,corrupt=3").portions("test", 1))


def test_none_may_be_allowed(root: Path) -> None:
    folder = write_modelnet(root)
    next(iter(sorted(folder.glob("bed/test/*.off")))).write_text("")
    with pytest.raises(ValueError, match="1 files are corrupt, more than corrupt=0 allows"):
        list(find("modelnet40/length=16,corrupt=0").portions("test", 1))
    with pytest.raises(ValueError, match="corrupt must not be negative, got corrupt=-1"):
        find("modelnet40/corrupt=-1")


def test_a_set_of_nothing_but_corrupt_files_ends_in_a_sentence(root: Path) -> None:
    folder = write_nlvr2(root)
    for path in folder.glob("images/dev/*"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="all 8 samples of the validation split are corrupt"):
        find("nlvr2/size=32,patch=8").batch("validation", size=1)


def test_a_missing_image_counts_as_corrupt(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_nlvr2(root)
    (folder / "images/dev/dev-3-0-img0.png").unlink()
    assert len(find("nlvr2/size=32,patch=8").batch("validation", size=8)) == 8
    assert "dev-3-0-img0.png" in capsys.readouterr().err


def test_the_only_sound_sample_is_found_from_any_place(root: Path) -> None:
    """Also where it is behind in this epoch, and late in the next."""
    folder = write_nlvr2(root)
    for path in folder.glob("images/dev/*"):
        if not path.name.startswith("dev-0-"):
            path.write_bytes(b"")
    task = find("nlvr2/size=32,patch=8")
    found = [task.batch("validation", size=1, step=step) for step in range(16)]
    assert all(same(found[0], other) for other in found)


def test_a_test_split_of_nothing_else_has_no_score(root: Path) -> None:
    for path in write_modelnet(root).glob("*/test/*.off"):
        path.write_text("")
    with pytest.raises(ValueError, match="all samples of the test split are corrupt"):
        list(find("modelnet40/length=16").portions("test", 1))


def test_how_many_may_be_corrupt_is_no_part_of_what_a_training_is(root: Path) -> None:
    write_modelnet(root)
    few, many = (find(f"modelnet40/length=16,corrupt={count}") for count in (3, 500))
    assert same(few.batch(seed=1), many.batch(seed=1))
    made = [recipe(Genome(), task).to_dict() for task in (few, many)]
    assert made[0] == made[1]
