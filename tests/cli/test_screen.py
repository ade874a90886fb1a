"""What is shown where: colours in terminals alone, whole rows in pipes, one way to write times and sizes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from itnas.cli.screen import console
from itnas.shown import moment, size
from tests.cli.surface import COMMANDS
from tests.started import ALONE, START

ROOT = Path(__file__).parent.parent.parent
PIPED = {name: value for name, value in ALONE.items() if name != "COLUMNS"}


def run(*words: object, **environment: str) -> str:
    told = [*START, *map(str, words)]
    done = subprocess.run(told, capture_output=True, text=True, env={**PIPED, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_a_terminal(*words: object, **environment: str) -> str:
    """What a terminal is sent."""
    import pty

    ours, theirs = pty.openpty()
    asked = {**ALONE, "TERM": "xterm-256color", **environment}
    process = subprocess.Popen([*START, *map(str, words)], stdout=theirs, stderr=theirs, stdin=theirs, env=asked)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()


COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])[0-9;]*m")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("words", [("spaces", "rank"), ("trials", "RUN")])
def test_colours_are_for_terminals(swept: Path, words: tuple[str, ...]) -> None:
    told = [word.replace("RUN", str(swept)) for word in words]
    assert "\x1b[" in in_a_terminal(*told)
    assert not COLOUR.search(in_a_terminal(*told, NO_COLOR="1"))
    assert "\x1b" not in run(*told)


def test_a_row_in_a_pipe_is_one_line(swept: Path, tmp_path: Path) -> None:
    import shutil
    import sqlite3

    folder = shutil.copytree(swept, tmp_path / ("a long name " * 12))
    reason = "a long reason " * 30
    with sqlite3.connect(folder / "run.db") as connection:
        connection.execute("UPDATE trials SET state = 'failed', reason = ? WHERE number = 4", (reason,))
    connection.close()
    lines = run("trials", folder).splitlines()
    assert len(lines) == 7
    assert any(reason.strip() in line for line in lines)
    assert any(str(folder) in line for line in run("runs", tmp_path).splitlines())
    assert max(map(len, run("trials", folder, COLUMNS="70").splitlines())) <= 70


def test_paragraphs_in_a_pipe_are_wrapped() -> None:
    assert max(map(len, run("spaces").splitlines())) <= 80


def test_a_console_knows_where_it_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert console().width == 70
    monkeypatch.delenv("COLUMNS")
    assert console().width > 1000
    assert console(prose=True).width == 80


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_990, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (2.5e12, "2,500.0 GB"),
    ],
)
def test_sizes(count: float, shown: str) -> None:
    assert size(count) == shown


def test_moments_have_their_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    import time
    from datetime import datetime

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        shown = moment(1_795_344_964.6)
        assert shown.endswith("+05:30")
        assert abs(datetime.fromisoformat(shown).timestamp() - 1_795_344_964.6) <= 1
    finally:
        monkeypatch.undo()
        time.tzset()


def test_no_size_is_in_powers_of_two(swept: Path) -> None:
    shown = run("runs", swept)
    assert re.search(r"\d\.\d [kM]B", shown)
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", shown)


def test_the_page_names_every_command_and_exit_code() -> None:
    from itnas.cli import endings

    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for path, command in COMMANDS:
        if len(path) == 1:
            assert f"| `itnas {path[0]}` |" in text, command.name
    for code in (endings.DONE, endings.NO, endings.BAD_INPUT, endings.NO_SUCCESS, endings.INTERRUPTED, endings.UNREAD):
        assert f"| {code} |" in text
