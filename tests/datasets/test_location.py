"""Where data sets are, and what is said where they are not."""

import shutil
from pathlib import Path

import pytest

from itnas.datasets import location
from itnas.datasets.location import LOCATIONS, lacking, located, root, set_root
from tests.tasks.published.miniatures import write, write_glue, write_modelnet, write_nlvr2, write_vqa


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITNAS_DATA", "what is set by a test is forgotten after it")
    monkeypatch.delenv("ITNAS_DATA")


@pytest.mark.parametrize("name", list(LOCATIONS))
def test_without_a_root_it_is_said_how_to_name_one_and_where_sets_are_obtained(name: str) -> None:
    assert root() is None
    said = lacking(name)
    assert said is not None
    assert said.startswith("no folder of data sets is named (--data DIR, or ITNAS_DATA): ")
    assert any(site in said for site in (".org", ".com", ".edu", "Microsoft"))
    with pytest.raises(ValueError, match=f"^task {name}: no folder"):
        located(name)


@pytest.mark.parametrize("name", list(LOCATIONS))
def test_in_an_empty_root_it_is_said_what_is_missing_where(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    folder = tmp_path / name.partition("/")[0]
    with pytest.raises(ValueError, match=f"^task {name}: {folder} lacks \\S+") as raised:
        located(name)
    assert "\n" not in str(raised.value)


def test_what_is_there_is_found(tmp_path: Path) -> None:
    for write_one in (write_glue, write_modelnet, write_vqa, write_nlvr2):
        write_one(tmp_path)
    set_root(tmp_path)
    assert root() == tmp_path
    assert [name for name in LOCATIONS if lacking(name)] == ["imagenet-1k"]
    assert located("glue/mnli") == tmp_path / "glue"
    assert located("modelnet40") == tmp_path / "ModelNet40"


def test_single_files_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    write_glue(tmp_path)
    (tmp_path / "glue/MNLI/dev_mismatched.tsv").unlink()
    assert (lacking("glue/mnli") or "").startswith(f"{tmp_path / 'glue'} lacks MNLI/dev_mismatched.tsv: ")
    assert lacking("glue/cola") is None
    nlvr2 = write_nlvr2(tmp_path)
    (nlvr2 / "test1.json").unlink()
    assert "lacks test1.json: records are in" in (lacking("nlvr2") or "")
    shutil.rmtree(nlvr2 / "images")
    assert "lacks images/train, images/dev, test1.json and 1 more" in (lacking("nlvr2") or "")
    modelnet = write_modelnet(tmp_path)
    shutil.rmtree(modelnet / "sofa/test")
    assert "lacks sofa/test: unpack ModelNet40.zip" in (lacking("modelnet40") or "")


def test_glue_may_have_the_name_of_its_own_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    write_glue(tmp_path).rename(tmp_path / "glue_data")
    assert located("glue/rte") == tmp_path / "glue_data"


def test_a_root_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere is not a folder"):
        set_root(tmp_path / "nowhere")
    assert root() is None


def test_folders_without_what_belongs_there_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a long training, not when it is tested."""
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    nlvr2 = write_nlvr2(tmp_path)
    shutil.rmtree(nlvr2 / "images/test1")
    assert f"{nlvr2} lacks images/test1: records are in" in (lacking("nlvr2") or "")
    write(nlvr2 / "images/test1-0-0-img0.png", b"")
    assert lacking("nlvr2") is None
    modelnet = write_modelnet(tmp_path)
    for mesh in (modelnet / "sofa/test").iterdir():
        mesh.rename(mesh.with_suffix(".txt"))
    assert "lacks sofa/test: unpack ModelNet40.zip" in (lacking("modelnet40") or "")


def test_images_side_by_side_need_their_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    folder = tmp_path / "imagenet-1k"
    for place in ("train/n01440764", "val"):
        (folder / place).mkdir(parents=True)
    truth, solution = "ILSVRC2012_validation_ground_truth.txt", "LOC_val_solution.csv"
    steps = {
        "val/ILSVRC2012_val_00000001.JPEG": "the images in val",
        f"devkit/data/{truth}": f"{solution} (or the development kit with {truth})",
        "devkit/data/meta.mat": "meta.mat (or map_clsloc.txt)",
    }
    for added, said in steps.items():
        assert (lacking("imagenet-1k") or "").startswith(f"{folder} lacks {said}: see image-net.org")
        write(folder / added, b"")
    assert lacking("imagenet-1k") is None
    shutil.rmtree(folder / "devkit")
    write(folder / solution, b"")
    assert lacking("imagenet-1k") is None
    shutil.rmtree(folder / "val")
    (folder / "val/n01440764").mkdir(parents=True)
    assert lacking("imagenet-1k") is None


def test_a_set_that_was_found_is_not_looked_through_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sample asks where its set is."""
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="lacks airplane/train"):
        located("modelnet40")
    write_modelnet(tmp_path)
    looked: list[str] = []
    monkeypatch.setattr(location, "lacking", looked.append)
    for _ in range(3):
        assert located("modelnet40") == tmp_path / "ModelNet40"
    assert looked == ["modelnet40"]
