"""What commands print with --json is what docs/json.md says: every key of it, no other, and nothing else on stdout."""

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from itnas.cli import main
from itnas.cli.outputs import OUTPUTS
from itnas.cli.outputs.page import page
from itnas.cli.screen import plain, say_json
from itnas.search.sweep import Sweep
from tests.cli.surface import COMMANDS, options
from tests.cli_search.small import SMALL
from tests.search.toy import toy_settings, toy_space
from tests.started import ALONE, START, Inside, itnas

ROOT = Path(__file__).parent.parent.parent
# What each row of the page is made with; RUN is the small sweep, OUT an empty folder, MORE a copy of the sweep.
MADE: dict[str, tuple[str, ...]] = {
    "search": ("search", "emergence", *SMALL, "--confirm", "0", "--run", "OUT/run"),
    "search --dry-run": ("search", "emergence", *SMALL, "--dry-run"),
    "status": ("status", "RUN"),
    "trials": ("trials", "RUN"),
    "findings": ("findings", "RUN"),
    "replay": ("replay", "RUN"),
    "replay --check": ("replay", "RUN", "--check"),
    "runs": ("runs", "RUN"),
    "runs --remove, runs --thin": ("runs", "--thin", "MORE", "--yes"),
    "report": ("report", "RUN", "--out", "OUT/page.html"),
    "export": ("export", "RUN", "--task", "flip-flop", "--out", "OUT/best.yaml"),
    "train": ("train", "gru", "--task", "parity/length=8", "--steps", "2", "--replicas", "1", "--out", "OUT/trained"),
    "explain": ("explain", "RUN:2", "--lengths", "16", "--copies", "1"),
    "explain --all": ("explain", "RUN:2", "--lengths", "16", "--copies", "0", "--all"),
    "tasks": ("tasks", "parity", "glue/cola", "textured-shapes"),
    "spaces": ("spaces",),
    "spaces NAME": ("spaces", "rank"),
    "doctor": ("doctor", "--quick", "--run", "OUT"),
    "bench": ("bench", "operator", "--only", "crossover", "--quick"),
}
LONGER = {"stop", "dashboard"}  # these two need another process


@pytest.fixture
def made(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, str]]:
    """What a command prints, on stdout and on stderr: in this process, as torch takes its time to load."""

    def make(command: str, *more: str) -> tuple[str, str]:
        words = MADE[command]
        if "MORE" in words:
            shutil.copytree(swept, tmp_path / "more")
        for name, place in {"RUN": swept, "OUT": tmp_path, "MORE": tmp_path / "more"}.items():
            words = tuple(word.replace(name, str(place)) for word in words)
        monkeypatch.setattr(sys, "argv", ["itnas", *words, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        out, errors = capsys.readouterr()
        assert ended.value.code == 0, errors
        return out, errors

    return make


def test_the_page_is_made_of_the_definitions() -> None:
    told = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    assert told == page(), "run `python -m itnas.cli.outputs > docs/json.md`"


def test_every_command_with_json_is_on_it() -> None:
    described = {part.split(" ")[0] for command in OUTPUTS for part in command.split(", ")}
    there = {path[0] for path, command in COMMANDS if any(each.opts[0] == "--json" for each in options(command))}
    # `itnas resume` prints what `itnas search` does.
    assert there - {"resume"} == described


def test_every_output_is_made_here() -> None:
    assert set(MADE) | LONGER == set(OUTPUTS)


@pytest.mark.parametrize("command", ["trials", "replay", "runs"])
def test_a_listing_without_rows_has_the_columns_of_one_with_rows(
    swept: Path, tmp_path: Path, inside: Inside, command: str
) -> None:
    empty = tmp_path / "empty"
    if command == "runs":
        empty.mkdir()
    else:
        Sweep.create(empty, toy_space(), toy_settings()).__exit__(None, None, None)
    told, expected = (pd.read_csv(io.StringIO(inside(command, folder, "--csv")[1])) for folder in (empty, swept))
    assert told.empty
    assert list(told) == list(expected)


SLOW = {"bench"}


@pytest.mark.parametrize(
    "command", [pytest.param(each, marks=pytest.mark.slow) if each in SLOW else each for each in MADE]
)
def test_stdout_is_what_the_page_says(command: str, made: Callable[..., tuple[str, str]]) -> None:
    out, errors = made(command, "--json")
    OUTPUTS[command].check(out)
    assert "\x1b" not in out + errors
    if command == "search":
        assert "trial 0 (gru)" in errors


@pytest.mark.parametrize(
    "command", ["trials", "findings", "replay", "replay --check", "runs", "explain", "tasks", "spaces", "doctor"]
)
def test_csv_has_the_same_columns(command: str, made: Callable[..., tuple[str, str]]) -> None:
    columns = next(csv.reader(io.StringIO(made(command, "--csv")[0])))
    if command == "explain":  # a row for each layer
        assert {"layer", "family", "fidelity_attention", "sentence"} <= set(columns)
    else:
        (shape,) = typing.get_args(OUTPUTS[command].holds)
        assert columns == list(shape.model_fields)


def test_no_number_is_null() -> None:
    assert plain({"a": [float("nan"), float("inf"), 1.5], 2: Path("x")}) == {"a": [None, None, 1.5], "2": "x"}


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_what_is_printed_is_strict(value: float, capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"value": value})
    assert json.loads(capsys.readouterr().out) == {"value": None}


@pytest.mark.parametrize("change", ["absent", "unknown", "text", "nan"])
def test_what_is_otherwise_is_refused(change: str, swept: Path) -> None:
    rows: list[dict[str, Any]] = json.loads(itnas("trials", swept, "--json").stdout)
    changes: dict[str, Any] = {"unknown": {"more": 1}, "text": {"number": "0"}, "nan": {"score": float("nan")}}
    rows[1] |= changes.get(change, {})
    if change == "absent":
        del rows[1]["worker"]
    with pytest.raises(ValueError, match=r"worker|more|number|NaN"):
        OUTPUTS["trials"].check(json.dumps(rows))


def test_the_dashboard_says_where_it_listens(swept: Path) -> None:
    process = subprocess.Popen(
        [*START, "dashboard", str(swept), "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ALONE,
    )
    assert process.stdout is not None
    told = ""
    while not told.endswith("}\n}\n") and process.poll() is None:
        told += process.stdout.readline()
        if told.count("{") and told.count("{") == told.count("}"):
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert errors == ""
    OUTPUTS["dashboard"].check(told)
    assert json.loads(told)["address"].startswith("http://127.0.0.1:")


def test_a_sweep_that_is_stopped_says_by_whom(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = [*START, "search", "emergence", *SMALL, "--trials", "500", "--run", str(run), "--json", "-q"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ALONE)
    while True:
        status = itnas("status", run, "--json")
        if status.returncode == 0 and json.loads(status.stdout)["running"]:
            break
        assert process.poll() is None, process.communicate()
    OUTPUTS["status"].check(status.stdout)
    stopped = itnas("stop", run, "--json")
    OUTPUTS["stop"].check(stopped.stdout)
    assert json.loads(stopped.stdout)["process"] == process.pid
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert errors == f"itnas: interrupted; `itnas resume {run}` goes on\n"
