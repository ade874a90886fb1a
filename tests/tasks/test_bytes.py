"""Bytes: which files are read, that splits share none, that targets are the next byte, and what chance is."""

import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from itnas.tasks.bytes import PythonBytes, library, read_sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small library: 200 modules, one of them twice, and all that must be left out."""
    for number in range(200):
        path = tmp_path / ("package" if number % 2 else ".") / f"module_{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"NUMBER = {number}\n" * 5)
    (tmp_path / "copy.py").write_bytes((tmp_path / "module_0.py").read_bytes())
    (tmp_path / "empty.py").touch()
    for name in ("test/a.py", "package/tests/b.py", "site-packages/c.py", "encodings/d.py", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f"LEFT_OUT = '{name}'\n")
    (tmp_path / "_sysconfigdata_linux.py").write_text("LEFT_OUT = 'build'\n")
    return tmp_path


def test_splits_share_no_file_and_no_content(folder: Path) -> None:
    sources = read_sources(folder)
    contents = {split: {(folder / path).read_bytes() for path in paths} for split, paths in sources.files.items()}
    assert sum(map(len, contents.values())) == sum(map(len, sources.files.values())) == 200
    assert not contents["train"] & contents["validation"]
    assert not contents["train"] & contents["test"]
    assert not contents["validation"] & contents["test"]
    for split, text in sources.texts.items():
        assert sorted(text.tobytes().removesuffix(b"\0").split(b"\0")) == sorted(contents[split])


def test_only_the_library_itself_is_read(folder: Path) -> None:
    texts = b"".join(text.tobytes() for text in read_sources(folder).texts.values())
    assert b"LEFT_OUT" not in texts
    assert texts.count(b"NUMBER = 0\n") == 5  # the copy counts once
    assert texts.count(b"NUMBER") == 200 * 5


def test_a_file_keeps_its_split_whatever_its_name_and_neighbours(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    before = read_sources(folder).files
    for split, paths in before.items():
        for path in paths[: 5 if split == "train" else None]:
            (other / f"{split}_{path.replace('/', '_')}").write_bytes((folder / path).read_bytes())
    for split, paths in read_sources(other).files.items():
        assert paths
        assert all(path.startswith(f"{split}_") for path in paths)


def test_the_fingerprint_follows_contents_and_nothing_else(folder: Path) -> None:
    first = read_sources(folder).fingerprint
    (folder / "module_2.py").rename(folder / "renamed.py")
    read_sources.cache_clear()
    assert read_sources(folder).fingerprint == first
    (folder / "renamed.py").write_text("CHANGED = True\n")
    read_sources.cache_clear()
    assert read_sources(folder).fingerprint != first


def test_a_library_without_sources_is_refused(tmp_path: Path) -> None:
    (tmp_path / "only.py").write_text("pass\n")
    with pytest.raises(ValueError, match="holds too few Python sources to learn from"):
        read_sources(tmp_path)


def test_the_real_library_splits_into_shares_of_its_files() -> None:
    files = read_sources(library()).files
    total = sum(map(len, files.values()))
    assert "os.py" in {path for paths in files.values() for path in paths}
    # Binomial, five standard deviations.
    for split, share in {"train": 14 / 16, "validation": 1 / 16, "test": 1 / 16}.items():
        assert abs(len(files[split]) - total * share) < 5 * (total * share * (1 - share)) ** 0.5


@pytest.mark.parametrize("length", [1, 63, 200])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_windows_come_from_their_split_and_targets_are_the_next_byte(split: str, length: int) -> None:
    batch = PythonBytes().batch(split, size=20, length=length)
    text = read_sources(library()).texts[split].tobytes()
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    for inputs, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        assert bytes([*inputs, targets[-1]]) in text
    if length == 200:
        others = b"".join(t.tobytes() for name, t in read_sources(library()).texts.items() if name != split)
        assert not any(bytes(inputs) in others for inputs in batch.inputs.tolist()[:1])


def test_windows_fall_anywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("itnas.tasks.bytes.library", lambda: folder)
    text = read_sources(folder).texts["test"]
    found = set(map(tuple, PythonBytes().batch("test", size=20_000, length=9).inputs.tolist()))
    # The last byte is a target only. One place of fewer than 1200 is missed with a probability below exp(-16).
    assert len(text) < 1200
    assert found == {tuple(text[start : start + 9].tolist()) for start in range(len(text) - 9)}
    longest = min(len(part) for part in read_sources(folder).texts.values()) - 1
    with pytest.raises(ValueError, match=f"windows are at most {longest} bytes long here, got length={longest + 1}"):
        PythonBytes().batch("test", length=longest + 1)


def test_few_examples_are_the_only_ones_met() -> None:
    task = PythonBytes(examples=10)
    met = {tuple(row) for step in range(40) for row in task.batch(step=step, size=4).inputs.tolist()}
    assert len(met) == 10


def test_chance_is_what_the_distribution_of_training_bytes_scores() -> None:
    text, task = read_sources(library()).texts["train"], PythonBytes()
    counts = Counter(text.tobytes())
    bits = sum(-count * math.log2(count / len(text)) for count in counts.values()) / len(text)
    assert task.chance == pytest.approx(1 - bits / 8)
    outputs = torch.log(torch.tensor([counts[byte] / len(text) + 1e-12 for byte in range(256)]))
    scores = [
        task.score(outputs.expand(1000, 64, 256), task.batch(split, size=1000))[0] for split in ("train", "validation")
    ]
    # 64,000 bytes of some thousand places; other files differ a little from the training files.
    assert scores[0] == pytest.approx(task.chance, abs=0.01)
    assert scores[1] == pytest.approx(task.chance, abs=0.04)


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "from itnas.tasks.bytes import PythonBytes; t = PythonBytes();"
        "b = t.batch('test', seed=2, step=5, size=2, length=9);"
        "print(t.fingerprint, b.inputs.tolist(), b.targets.tolist())"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}).stdout
    batch = PythonBytes().batch("test", seed=2, step=5, size=2, length=9)
    assert told.strip() == f"{PythonBytes().fingerprint} {batch.inputs.tolist()} {batch.targets.tolist()}"
    assert not np.array_equal(batch.inputs, PythonBytes().batch("test", seed=2, step=6, size=2, length=9).inputs)
