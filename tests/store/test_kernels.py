"""Kernel files: what is read, and that nothing damaged or hostile is believed."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itnas.store import RunError, kernels
from itnas.store.kernels import KernelFile

N = 4
ABOUT = {
    "kind": "attention",
    "length": N,
    "replaced": {"dense": {"budget": 1, "enough": True, "scale": 8.0}, "gone": {"budget": 2, "scale": 1.0}},
}
CURVE = {"family": "dense", "budgeted": False, "budget": 1, "value": 0.9, "low": None, "high": 1.0, "needed": None}
STATE = {"family": "recurrence", "length": 16, "needed": None}


def content(**changed: Any) -> dict[str, Any]:
    """What a file holds; None takes a part out."""
    made = {
        "about": {"3.0": ABOUT, "3.1": {"kind": "integral"}},
        "curves": {"3.0": [CURVE], "4.0": [CURVE]},
        "states": {"3.0": [STATE]},
        "3.0.shown": np.arange(N, dtype=np.float32),
        "3.0.averaged": np.eye(N, dtype=np.float32)[None],
        "3.0.replaced.dense": np.full((2, 1, N, N), 0.5, np.float16),
    } | changed
    texts = {name: np.array(json.dumps(each)) for name, each in made.items() if isinstance(each, dict)}
    return {name: each for name, each in (made | texts).items() if each is not None}


def write(folder: Path, **changed: Any) -> Path:
    path = folder / "kernels.npz"
    np.savez_compressed(path, **content(**changed))
    return path


def test_what_is_kept_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    found = KernelFile.read(tmp_path)
    assert found.replicas() == [3]
    assert found.layers(3) == [0, 1]
    assert found.layers(9) == []
    assert found.examined() == [(3, 0), (4, 0)]
    assert found.about(3, 0)["kind"] == "attention"
    assert found.curves(3, 0) == [CURVE]
    assert found.states(3, 0) == [STATE]
    np.testing.assert_array_equal(found.array(3, 0, "averaged"), np.eye(N)[None])
    assert found.array(3, 0, "singular") is None
    assert found.array(3, 1, "averaged") is None
    assert found.families(3, 0) == {"dense": {"budget": 1, "enough": True}}
    stand_in = found.array(3, 0, "replaced.dense")
    assert stand_in is not None
    assert stand_in.dtype == np.float32
    assert stand_in.max() == 4.0


def test_older_files_have_no_evidence(tmp_path: Path) -> None:
    found = KernelFile.read(write(tmp_path, curves=None, states=None, about={"0.0": {"kind": "gru"}}))
    assert (found.examined(), found.curves(0, 0), found.states(0, 0), found.families(0, 0)) == ([], [], [], {})


def test_a_layer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no layer 7 of replica 3: there are 3\.0, 3\.1"):
        KernelFile.read(write(tmp_path)).about(3, 7)


def test_arrays_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path)
    found = KernelFile.read(path)
    path.unlink()
    assert found.curves(3, 0)
    with pytest.raises(RunError, match="is missing"):
        found.array(3, 0, "averaged")


@pytest.mark.parametrize(
    "changed",
    [
        {"about": None},
        {"about": np.array("[]")},
        {"about": np.array("{")},
        {"about": np.array("[" * 100_000)},
        {"about": np.arange(3)},
        {"about": np.array(["{}"])},
        {"about": {"x.y": {}}},
        {"about": {"0.0": 7}},
        {"curves": {"0.0": [7]}},
        {"curves": {"0.0": [CURVE | {"budget": -1}]}},
        {"curves": {"0.0": [CURVE | {"budget": 1e400}]}},
        {"curves": {"0.0": [CURVE | {"family": None}]}},
        {"states": {"0.0": [STATE | {"length": "long"}]}},
        {"states": {"0.0": {}}},
        {"../../etc/passwd": np.zeros(1)},
        {"3.0.<img>": np.zeros(1)},
        {"nonsense": np.zeros(1)},
    ],
)
def test_texts_and_names_that_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="is damaged, or holds no kernels"):
        KernelFile.read(write(tmp_path, **changed))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("averaged", np.zeros((1, N, N + 1), np.float32)),
        ("averaged", np.zeros(N, np.float32)),
        ("averaged", np.zeros((0, N, N), np.float32)),
        ("averaged", np.array("text")),
        ("averaged", np.zeros((1, 2, 2), complex)),
        ("replaced.dense", np.zeros((1, N, N), np.float16)),
        ("replaced.other", np.zeros((2, 1, N, N), np.float16)),
    ],
)
def test_arrays_that_are_refused(tmp_path: Path, name: str, array: Any) -> None:
    found = KernelFile.read(write(tmp_path, **{f"3.0.{name}": array}))
    with pytest.raises(RunError, match="damaged"):
        found.array(3, 0, name)


@pytest.mark.parametrize("scale", [None, "8", 0.0, -1.0, 1e300, 10**400, True])
def test_scales_that_are_refused(tmp_path: Path, scale: object) -> None:
    found = KernelFile.read(write(tmp_path, about={"3.0": {"replaced": {"dense": {"scale": scale}}}}))
    with pytest.raises(RunError, match="scale"):
        found.array(3, 0, "replaced.dense")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = write(tmp_path, **{"3.0.averaged": np.array([[[print]]], dtype=object)})
    with pytest.raises(RunError, match="not what its header says"):
        KernelFile.read(path).array(3, 0, "averaged")


def member(header: str, body: bytes = b"") -> bytes:
    """An array whose header says what it likes."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 100000, 100000)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2, 2)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1, 1, 1)}",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': ()}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1, 1)}",
        "{",
        "(((((",
    ],
)
def test_headers_are_not_believed(tmp_path: Path, header: str) -> None:
    path = tmp_path / "kernels.npz"
    about = io.BytesIO()
    np.save(about, np.array('{"0.0": {}}'))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("about.npy", about.getvalue())
        archive.writestr("0.0.averaged.npy", member(header, b"\0" * 4))
    with pytest.raises(RunError, match="is damaged"):
        KernelFile.read(path).array(0, 0, "averaged")


def test_what_is_packed_small_and_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, **{"3.0.examples": np.zeros((1, 1, 512, 512), np.float32)})
    assert path.stat().st_size < 10_000
    KernelFile.read(path)
    monkeypatch.setattr(kernels, "MOST", 2**20)
    with pytest.raises(RunError, match="more than 1 MB of arrays"):
        KernelFile.read(path)
    monkeypatch.setattr(kernels, "TEXT", 100)
    with pytest.raises(RunError, match="longer than texts are"):
        KernelFile.read(write(tmp_path))
    monkeypatch.setattr(kernels, "MEMBERS", 3)
    with pytest.raises(RunError, match="more than 3"):
        KernelFile.read(write(tmp_path))


def _bzip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("about.npy", b"0" * 100)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("<html>"),
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        _bzip,
    ],
)
def test_files_that_are_something_else(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    path = write(tmp_path)
    damage(path)
    with pytest.raises(RunError, match="is damaged, or holds no kernels"):
        KernelFile.read(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is missing"):
        KernelFile.read(tmp_path)
    (tmp_path / "kernels.npz").mkdir()
    with pytest.raises(RunError, match="cannot be read"):
        KernelFile.read(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("kernels"))


@given(data=st.data())
def test_any_damage_ends_in_one_sentence(whole: Path, data: st.DataObject) -> None:
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = whole.with_name("damaged.npz")
    path.write_bytes(content)
    try:
        found = KernelFile.read(path)
        for replica in found.replicas():
            for layer in found.layers(replica):
                for name in ("shown", "averaged", "replaced.dense"):
                    found.array(replica, layer, name)
    except RunError:
        return
