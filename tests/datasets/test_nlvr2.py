"""NLVR2's lines, as published, and lines that are not."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itnas.datasets.nlvr2 import images, read_records, records


def _line(identifier: str, **more: Any) -> dict[str, Any]:
    return {
        "validation": {"61": "False"},
        "sentence": "The right image shows a curving walkway of glass circles.",
        "left_url": "https://example.com/../left.jpg",
        "writer": "61",
        "label": "False",
        "right_url": "https://example.com/right.jpg",
        "synset": "beer bottle",
        "query": "some beer bottles38",
        "identifier": identifier,
        **more,
    }


def _write(path: Path, *lines: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture
def cloned(tmp_path: Path) -> Path:
    """The repository's layout with the archives of images unpacked beside it."""
    train = _line("train-10171-0-0", directory=37), _line("train-2-3-1", directory="0", label="True")
    _write(tmp_path / "nlvr2/data/train.json", *train)
    dev = _line("dev-850-0-0", sentence="A line\u2028inside, and an umlaut: ö"), _line("dev-1-0-0", label="True")
    _write(tmp_path / "nlvr2/data/dev.json", *dev)
    _write(tmp_path / "nlvr2/data/balanced/balanced_dev.json", dev[1])
    _write(tmp_path / "nlvr2/data/test1.json", _line("test1-0-1-0"))
    _touch(*(tmp_path / f"images/train/37/train-10171-0-img{side}.png" for side in (0, 1)))
    _touch(*(tmp_path / f"dev/dev-1-0-img{side}.png" for side in (0, 1)))
    _touch(*(tmp_path / f"images/test1/test1-0-1-img{side}.png" for side in (0, 1)))
    return tmp_path


def test_records_come_in_the_order_of_their_lines(cloned: Path) -> None:
    first, second = records(cloned, "train")
    assert (first.identifier, first.label, first.directory) == ("train-10171-0-0", False, "37")
    assert (first.left, first.right) == ("train-10171-0-img0.png", "train-10171-0-img1.png")
    assert (second.label, second.directory, second.left) == (True, "0", "train-2-3-img0.png")
    dev = records(cloned, "dev")
    assert [each.identifier for each in dev] == ["dev-850-0-0", "dev-1-0-0"]
    assert dev[0].sentence == "A line\u2028inside, and an umlaut: ö"
    assert dev[0].directory is None
    assert records(cloned / "nlvr2", "balanced/balanced_dev") == records(cloned / "nlvr2/data", "dev")[1:]


def test_images_are_found_where_the_archives_put_them(cloned: Path) -> None:
    first, second = records(cloned, "train")
    folder = cloned / "images/train/37"
    assert images(cloned, first) == (folder / "train-10171-0-img0.png", folder / "train-10171-0-img1.png")
    with pytest.raises(ValueError, match=r"images/train/0/train-2-3-img0.png is corrupt: it is not there; ask for"):
        images(cloned, second)
    _touch(cloned / "images/train/0/train-2-3-img0.png")
    with pytest.raises(ValueError, match=r"images/train/0/train-2-3-img1.png is corrupt"):
        images(cloned, second)
    (cloned / "images/train/0/train-2-3-img0.png").unlink()
    _touch(*(cloned / f"train-2-3-img{side}.png" for side in (0, 1)))
    assert images(cloned, second)[1] == cloned / "train-2-3-img1.png"
    assert images(cloned, records(cloned, "balanced/balanced_dev")[0])[0] == cloned / "dev/dev-1-0-img0.png"
    assert images(cloned, records(cloned, "test1")[0])[0] == cloned / "images/test1/test1-0-1-img0.png"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "not a JSON object"),
        (json.dumps({"identifier": "dev-1-0-0", "label": "True"}), "its sentence is missing"),
        (json.dumps(_line("dev-1-0-0", sentence=3)), "its sentence is not a text"),
        (json.dumps(_line("dev-1-0-0", label=False)), "its label is not a text"),
        (json.dumps(_line("dev-1-0-0", label="no")), "the label is 'no', neither True nor False"),
        (json.dumps(_line("dev-1-0")), "not of the form"),
        (json.dumps(_line("../../etc-1-0-0")), "not of the form"),
        (json.dumps(_line("train-1-0-0", directory="../..")), "its directory is '../..', not a number"),
        (json.dumps(_line("train-1-0-0", directory=True)), "its directory is 'True'"),
        (json.dumps(_line("train-1-0-0", directory=-1)), "its directory is '-1'"),
        (json.dumps(_line("train-1-0-0", directory=int("9" * 40))), "not a number"),
        (b"\xff\xfe", "not a text in UTF-8"),
    ],
)
def test_a_bad_line_is_said_with_file_and_line(tmp_path: Path, line: str | bytes, words: str) -> None:
    path = _write(tmp_path / "dev.json", _line("dev-0-0-0"))
    path.write_bytes(path.read_bytes() + b"\n" + (line if isinstance(line, bytes) else line.encode()))
    with pytest.raises(ValueError, match=words) as caught:
        records(tmp_path, "dev")
    assert f"{path}: line 3: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_empty_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"test1.json is missing"):
        records(tmp_path, "test1")
    with pytest.raises(ValueError, match="no split 'test': choose one of train, dev, test1"):
        records(tmp_path, "test")
    with pytest.raises(ValueError, match="holds no records"):
        read_records(_write(tmp_path / "dev.json"))
    with pytest.raises(ValueError, match="cannot be read"):
        read_records(tmp_path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 800), length=st.integers(0, 20), sign=st.binary(max_size=4))
def test_spoiled_files_raise_nothing_but_value_errors(tmp_path: Path, at: int, length: int, sign: bytes) -> None:
    path = _write(tmp_path / "train.json", _line("train-1-0-0", directory=3), _line("train-2-0-0", directory=4))
    whole = path.read_bytes()
    for content in (whole[:at], whole[:at] + sign + whole[at + length :]):
        path.write_bytes(content)
        try:
            for each in read_records(path):
                assert "/" not in each.left + each.right + (each.directory or "")
        except ValueError:
            continue
