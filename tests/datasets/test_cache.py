"""Arrays on disk: made once, made again when they or their sources change, never more than allowed."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from itnas.datasets import cache as cache_module
from itnas.datasets.cache import ArrayCache, NoCache, passed_on, the_cache


class Made:
    """Counts how often an array is made."""

    def __init__(self, size: int = 100) -> None:
        self.times = 0
        self.size = size

    def __call__(self) -> np.ndarray:
        self.times += 1
        return np.full((self.size, 3), self.times, dtype=np.uint8)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.JPEG"
    path.write_bytes(b"one")
    return path


def entries(cache: ArrayCache) -> list[Path]:
    return sorted(path for path in cache.folder.rglob("*") if path.is_file())


def test_an_array_is_made_once(tmp_path: Path, source: Path) -> None:
    made = Made()
    first = ArrayCache(tmp_path / "cache", 1e6).get(source, "small", made)
    again = ArrayCache(tmp_path / "cache", 1e6).get(source, "small", made)
    assert made.times == 1
    assert np.array_equal(first, again)
    assert (again.dtype, again.shape) == (np.uint8, (100, 3))


def test_what_it_was_made_of_and_how_decide(tmp_path: Path, source: Path) -> None:
    cache, made = ArrayCache(tmp_path / "cache", 1e6), Made()
    cache.get(source, "small", made)
    cache.get(source, "large", made)
    assert made.times == 2
    source.write_bytes(b"two!")
    cache.get(source, "small", made)
    assert made.times == 3
    os.utime(source, ns=(0, 10**9))
    cache.get(source, "small", made)
    assert made.times == 4
    assert len(entries(cache)) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:50],
        lambda content: b"",
        lambda content: content[:-1] + b"\xff",
        lambda content: b"\0" * 9,
    ],
    ids=["cut off", "empty", "one byte", "zeros"],
)
def test_what_is_damaged_is_made_again(tmp_path: Path, source: Path, damage: Callable[[bytes], bytes]) -> None:
    cache, made = ArrayCache(tmp_path / "cache", 1e6), Made()
    cache.get(source, "small", made)
    (entry,) = entries(cache)
    entry.write_bytes(damage(entry.read_bytes()))
    found = cache.get(source, "small", made)
    assert (made.times, found[0, 0]) == (2, 2)
    assert cache.get(source, "small", made)[0, 0] == 2
    assert made.times == 2


def test_it_never_grows_beyond_its_limit(tmp_path: Path) -> None:
    cache, made = ArrayCache(tmp_path / "cache", 4500), Made(300)
    for number in range(20):
        source = tmp_path / f"{number}.JPEG"
        source.write_bytes(b"one")
        cache.get(source, "small", made)
    kept = entries(cache)
    assert len(kept) == 4
    assert sum(path.stat().st_size for path in kept) <= 4500
    # What is there serves on.
    cache.get(tmp_path / "0.JPEG", "small", made)
    assert made.times == 20


def test_what_others_have_written_counts(tmp_path: Path, source: Path) -> None:
    cache = ArrayCache(tmp_path / "cache", 4500)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "others").write_bytes(b"\0" * 4400)
    cache.get(source, "small", Made())
    assert len(entries(cache)) == 1


def test_many_at_once_see_whole_arrays(tmp_path: Path, source: Path) -> None:
    cache, found = ArrayCache(tmp_path / "cache", 1e6), []
    threads = [
        threading.Thread(target=lambda: found.append(cache.get(source, "one", lambda: np.arange(10**5))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(each, np.arange(10**5)) for each in found)
    assert len(entries(cache)) == 1


def test_where_nothing_can_be_written_it_is_said_once(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache").write_text("a file")
    cache, made = ArrayCache(tmp_path / "cache", 1e6), Made()
    for _ in range(3):
        cache.get(source, "small", made)
    assert made.times == 3
    said = capsys.readouterr().err
    assert said.startswith(f"itnas: {tmp_path / 'cache'} cannot be written (")
    assert said.count("\n") == 1


def test_the_environment_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    monkeypatch.delenv("ITNAS_CACHE", raising=False)
    monkeypatch.delenv("ITNAS_CACHE_GB", raising=False)
    assert the_cache().folder == tmp_path / ".cache"
    assert the_cache().limit == 16e9
    assert the_cache() is the_cache()
    monkeypatch.setenv("ITNAS_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("ITNAS_CACHE_GB", "0.5")
    assert (the_cache().folder, the_cache().limit) == (tmp_path / "other", 5e8)
    monkeypatch.setenv("ITNAS_CACHE", "none")
    assert isinstance(the_cache(), NoCache)
    monkeypatch.delenv("ITNAS_CACHE")
    monkeypatch.setenv("ITNAS_CACHE_GB", "much")
    with pytest.raises(ValueError, match="ITNAS_CACHE_GB must be a number of gigabytes from 0 up, got 'much'"):
        the_cache()


def test_other_processes_are_told_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ITNAS_DATA", "sets")
    monkeypatch.setenv("ITNAS_CACHE", "none")
    monkeypatch.delenv("ITNAS_CACHE_GB", raising=False)
    assert passed_on() == {"ITNAS_DATA": str(tmp_path / "sets"), "ITNAS_CACHE": "none"}
    assert os.environ["ITNAS_DATA"] == str(tmp_path / "sets")


def test_one_that_holds_too_much_is_looked_through_once(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after its limit was lowered: it may hold a hundred thousand files."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "others").write_bytes(b"\0" * 9000)
    looks: list[Path] = []
    monkeypatch.setattr(cache_module, "_size_of", lambda folder: looks.append(folder) or 9000.0)
    cache = ArrayCache(tmp_path / "cache", 4500)
    for number in range(5):
        cache.get(source, f"kind {number}", Made())
    assert len(looks) == 1
    assert [path.name for path in entries(cache)] == ["others"]


def test_entries_may_be_read_by_whom_other_files_may(tmp_path: Path, source: Path) -> None:
    cache = ArrayCache(tmp_path / "cache", 1e6)
    cache.get(source, "small", Made())
    (entry,) = entries(cache)
    assert entry.stat().st_mode == source.stat().st_mode
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == [entry]
