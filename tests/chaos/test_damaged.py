"""What is no run, or a damaged one, is refused by every command: exit code 2, one sentence, nothing changed."""

import os
import random
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import itnas.dashboard.pages  # noqa: F401  (each registers its blocks)
from itnas.cli import main
from itnas.dashboard.blocks import BLOCKS, Block
from itnas.dashboard.choices import Choices
from itnas.dashboard.panels import PANELS, Panel
from itnas.dashboard.view import RunView
from itnas.search.sweep import Means
from itnas.store.schema import SCHEMA
from tests.chaos.processes import Place
from tests.chaos.sweeping import started
from tests.search.toy import work

READING = (("status",), ("trials",), ("findings",), ("replay",), ("replay", "--check"))
COMMANDS = (*READING, ("resume",), ("stop",))


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ended") / "run"
    with started(folder, 4) as sweep:
        sweep.run(Means(engine="inline"), work=work)
    return folder


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _foreign(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE trials (number)")
    connection.close()


def _newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    connection.close()


def _garbage(path: Path) -> None:
    path.write_bytes(b"hello" * 1000)


SPOILERS = {
    "truncated": (_truncated, "damaged"),
    "foreign": (_foreign, "not a run of itnas"),
    "newer": (_newer, "newer itnas"),
    "garbage": (_garbage, "damaged"),
    "missing": (Path.unlink, "holds no run"),
}


def _content(folder: Path) -> dict[str, bytes]:
    """All that a run holds, but for who drove it last."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "driver.lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _refused(code: int, out: str, err: str, told: str) -> None:
    assert code == 2, (code, out, err)
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert err.startswith("itnas: ")
    assert told in err


SHORT = [name if name == "truncated" else pytest.param(name, marks=pytest.mark.slow) for name in SPOILERS]


@pytest.mark.parametrize("name", SHORT)
def test_a_spoiled_run_is_not_resumed(place: Place, ended: Path, name: str) -> None:
    spoil, told = SPOILERS[name]
    shutil.copytree(ended, place.run)
    spoil(place.run / "run.db")
    before = _content(place.run)
    found = place.itnas("resume", place.run, "--engine", "inline")
    _refused(found.code, found.out, found.err, told)
    assert _content(place.run) == before


def _here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    """Run a command in this process: the same code, without its start-up."""
    monkeypatch.setattr(sys, "argv", ["itnas", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    code = caught.value.code
    assert isinstance(code, int)
    return code, *capsys.readouterr()


@pytest.mark.parametrize("name", SPOILERS)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_takes_a_spoiled_run(
    tmp_path: Path,
    ended: Path,
    name: str,
    command: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil, told = SPOILERS[name]
    run = tmp_path / "run"
    shutil.copytree(ended, run)
    spoil(run / "run.db")
    before = _content(run)
    _refused(*_here(capsys, monkeypatch, command[0], str(run), *command[1:]), told)
    assert _content(run) == before


def _zeroed(content: bytearray, page: int, size: int, _rng: random.Random) -> None:
    content[page * size : (page + 1) * size] = bytes(size)


def _scribbled(content: bytearray, page: int, size: int, rng: random.Random) -> None:
    for _ in range(64):
        content[page * size + rng.randrange(size)] = rng.randrange(256)


def _swapped(content: bytearray, page: int, size: int, rng: random.Random) -> None:
    other = rng.randrange(len(content) // size)
    content[page * size : (page + 1) * size] = content[other * size : (other + 1) * size]


@pytest.mark.parametrize("damage", [_zeroed, _scribbled, _swapped])
def test_a_damaged_page_is_an_error_in_one_sentence_or_harmless(
    tmp_path: Path,
    ended: Path,
    damage: Callable[[bytearray, int, int, random.Random], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    draw: int,
) -> None:
    run, rng = tmp_path / "run", random.Random(draw)
    shutil.copytree(ended, run)
    whole = (run / "run.db").read_bytes()
    size = int.from_bytes(whole[16:18], "big")
    pages = len(whole) // size
    for page in rng.sample(range(pages), min(pages, 25)):
        content = bytearray(whole)
        damage(content, page, size, rng)
        (run / "run.db").write_bytes(content)
        for command in READING:
            code, out, err = _here(capsys, monkeypatch, command[0], str(run), *command[1:])
            assert code in (0, 1, 2), (command, page)
            if code == 2:
                _refused(code, out, err, "")


def test_rows_of_another_table_are_damage(
    tmp_path: Path, ended: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite reads a page that lies in another's place as if it were its own."""
    run = tmp_path / "run"
    shutil.copytree(ended, run)
    connection = sqlite3.connect(run / "run.db")
    roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'"))
    connection.close()
    content = bytearray((run / "run.db").read_bytes())
    size = int.from_bytes(content[16:18], "big")
    place, other = ((roots[name] - 1) * size for name in ("trials", "events"))
    content[place : place + size] = content[other : other + size]
    (run / "run.db").write_bytes(content)
    _refused(*_here(capsys, monkeypatch, "trials", str(run)), "damaged")
    view, none = RunView("run", run), Choices()
    for _, panel in PANELS.items():
        panel.drawn(view, none)
    assert any("damaged" in str(block.told(view, none)) for _, block in BLOCKS.items())
    # Whatever breaks on it is told so; what breaks on a whole run is a mistake of the program.
    assert "damaged" in Panel(_broken, ()).drawn(view, none).remark
    assert "damaged" in str(Block(_broken, ()).told(view, none))
    with pytest.raises(TypeError):
        Panel(_broken, ()).drawn(RunView("run", ended), none)


def _broken(_view: RunView, _choices: Choices) -> Any:
    raise TypeError("None is no number")
