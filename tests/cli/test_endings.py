"""How commands end: one sentence and a code for whatever was typed, whatever lies there, whoever reads."""

import io
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from itnas.cli.endings import ended, interruptible
from itnas.files import write_atomically
from tests.started import ALONE, START, Inside, itnas, itnas_from_nothing


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serach"], "unknown command 'serach'; did you mean 'search'? see `itnas --help`"),
        (["--nope"], "unknown option '--nope': see `itnas --help`"),
        (["bench", "operatr"], "unknown command 'operatr'; did you mean 'operator'? see `itnas bench --help`"),
        (["search", "--trails", "3"], "unknown option '--trails'; did you mean "),
        (["search", "--trials", "x"], "--trials must be a whole number: see `itnas search --help`"),
        (["search", "--hours", "x"], "--hours must be a number: see `itnas search --help`"),
        (["search", "--trials"], "--trials needs a value"),
        (["status"], "run is missing: see `itnas status --help`"),
        (["train", "gru"], "--task is missing: see `itnas train --help`"),
        (["status", "a", "b"], "more was given than the command takes: b: see `itnas status --help`"),
        (["trials", "RUN", "--json", "--csv"], "--json and --csv exclude each other: give one of them"),
        (["findings", "RUN", "--json", "--csv"], "--json and --csv exclude each other"),
        (["runs", "--json", "--csv"], "--json and --csv exclude each other"),
        (["status", "RUN", "--watch", "--json"], "--watch and --json exclude each other"),
        (["report", "RUN", "--figures", "x", "--out", "y.html"], "--figures and --out exclude each other"),
        (["spaces", "--schema", "--csv"], "--schema and --csv exclude each other"),
        (["spaces", "--schema", "rank"], "leave the names out"),
        (["explain", f"RUN:{10**25}"], f"no trial {10**25}: there are 0 to 5"),
        (["export", "RUN", "--trial", str(10**25), "--out", "x.yaml"], f"no trial {10**25}: there are 0 to 5"),
        (["export", "RUN", "--task", "delay", "--out", "x.yaml"], "no task 'delay': the run has flip-flop"),
        (["export", "RUN", "--task", "flip-flop", "--out", "file/x.yaml"], "file is a file, where a folder is needed"),
        (["report", "RUN", "--out", "x.pdf"], "--out x.pdf must end in .html"),
        (["report", "RUN", "--out", "file/x.html"], "--out file/x.html lies below a file: name another place"),
        (["report", "RUN", "--figures", "file"], "file is a file, where a folder is needed: name another place"),
        (["train", "gru", "-t", "parity", "--plot", "file/x.svg"], "--plot file/x.svg lies below a file"),
        (["bench", "operator", "--out", "file/x.json"], "--out file/x.json lies below a file"),
        (["tasks", f"parity/length={10**20}"], "not enough memory: ask for less"),
        (["tasks", "imagenet-1k/size=160000000"], "not enough memory: ask for less"),
        (["tasks", "imagenet-1k/size=9999999"], "size must be a multiple of patch"),
        (["search", "-t", "parity", "--random-share", "nan"], "--random-share must be a finite number, got nan"),
        (["search", "-t", "parity", "--timeout", "inf"], "--timeout must be a finite number, got inf"),
        (["resume", "RUN", "--hours", "nan"], "--hours must be a finite number, got nan"),
        (["search", "-t", "parity", "--device", "cpuu"], "unknown device 'cpuu': use auto, cpu, cuda or cuda:0"),
        (["search", "-t", "parity", "--run", "file"], "is a file: name a folder"),
        (["search", "-t", "recall", "--length", "17", "--run", "x"], "4 x pairs <= length must hold"),
        (["search", "-t", "parity", "--run", "x", "--tensorboard", "file"], "--tensorboard file is a file: name a"),
        (["search", "-t", "parity", "--run", "x", "--ray-logs", "file/x"], "--ray-logs file/x lies below a file: name"),
        (["resume", "RUN", "--tensorboard", "file"], "--tensorboard file is a file: name a folder"),
        (["trials", "RUN", "--best", "-1"], "--best must be at least 1, got -1"),
        (["dashboard", "RUN", "--port", "99999"], "--port must be between 0 and 65535, got 99999"),
        (["runs", "--remove", "RUN"], "nobody is there to be asked: --yes deletes without asking"),
        (["status", "ein Löwe 🦁"], "ein Löwe 🦁: no such run: see `itnas runs`"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    inside: Inside,
    swept: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    told: str,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code, out, errors = inside(*(word.replace("RUN", str(swept)) for word in arguments))
    assert told in errors
    assert errors.startswith("itnas: ")
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


RUN_COMMANDS = ("status", "trials", "findings", "stop", "replay", "report", "resume", "dashboard")


@pytest.mark.parametrize("command", RUN_COMMANDS)
@pytest.mark.parametrize("what", ["missing", "file", "empty", "no database", "half"])
def test_what_is_no_run_is_one_sentence(inside: Inside, swept: Path, tmp_path: Path, command: str, what: str) -> None:
    if what == "file":
        (tmp_path / what).touch()
    elif what != "missing":
        (tmp_path / what).mkdir()
    if what == "no database":
        (tmp_path / what / "run.db").write_text("garbage")
    if what == "half":
        content = (swept / "run.db").read_bytes()
        (tmp_path / what / "run.db").write_bytes(content[: len(content) // 4])
    code, out, errors = inside(command, what)
    assert (code, out, errors.count("\n")) == (2, "", 1), errors
    assert errors.startswith("itnas: ")
    assert what in errors


@pytest.mark.skipif(not Path("/proc/version").is_file(), reason="no /proc, where nobody can write")
@pytest.mark.parametrize(
    "words",
    [
        ("report", "RUN", "--out", "/proc/x.html"),
        ("report", "RUN", "--figures", "/proc/x"),
        ("export", "RUN", "--task", "flip-flop", "--out", "/proc/x.yaml"),
        ("export", "RUN", "--task", "flip-flop", "--format", "weights", "--out", "/proc/x"),
        ("train", "gru", "-t", "parity", "--out", "/proc/x"),
        ("search", "-t", "parity", "--run", "/proc/x"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(inside: Inside, swept: Path, words: tuple[str, ...]) -> None:
    """By the name that was typed, not by that of a temporary file."""
    code, out, errors = inside(*(word.replace("RUN", str(swept)) for word in words))
    assert (code, out, errors.count("\n")) == (2, "", 1), errors
    assert "/proc/x" in errors


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as refused:
        write_atomically(Path("/proc/x"), b"")
    assert refused.value.filename == "/proc/x"


def test_a_run_may_be_called_anything(swept: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(swept, tmp_path / "ein Löwe 🦁 [red]{0}")
    for command in ("status", "trials", "findings"):
        assert itnas(command, folder).returncode == 0
    plain = itnas_from_nothing("runs", tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert plain.returncode == 0, plain.stderr
    assert r"L\xf6we" in plain.stdout


def test_what_is_printed_to_be_copied_means_the_same_in_a_shell(inside: Inside, swept: Path) -> None:
    folder = shutil.copytree(swept, Path("dir wörld") / "two")
    commands = re.findall(r"\((itnas .*?)\)$", inside("findings", folder)[1], re.MULTILINE)
    assert {shlex.split(command)[1] for command in commands} == {"trials", "explain"}
    for command in commands:
        _, _, place = shlex.split(command)
        assert place.partition(":")[0] == str(folder)
    assert f"itnas resume '{Path.cwd()}/dir wörld/two'`" in inside("search", "-t", "parity", "--run", folder)[2]


@pytest.mark.parametrize("words", [("trials", "RUN", "--json"), ("spaces",), ("tasks",), ("spaces", "--schema")])
def test_a_reader_that_leaves_is_no_error(swept: Path, words: tuple[str, ...]) -> None:
    """`itnas trials RUN | head -1`: no complaint, and the code that other programs end with."""
    told = [word.replace("RUN", str(swept)) for word in words]
    with subprocess.Popen([*START, *told], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ALONE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (141, b"")


def test_ctrl_c_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped, interruptible():
        raise KeyboardInterrupt
    assert stopped.value.exit_code == 130
    assert capsys.readouterr().err == "itnas: interrupted\n"


def test_ctrl_c_ends_in_a_sentence(tmp_path: Path) -> None:
    words = ["train", "gru", "-t", "parity", "--steps", "1000000", "--out", str(tmp_path / "out"), "-q"]
    process = subprocess.Popen([*START, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ALONE)
    while not (tmp_path / "out" / "checkpoint.safetensors").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert errors == f"itnas: interrupted; the same command goes on from {tmp_path}/out\n"


def test_ctrl_c_in_a_command_that_holds_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen([*START, "tasks"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ALONE)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) in ((130, "itnas: interrupted\n"), (0, ""))


@pytest.mark.parametrize("words", [("dashboard", "RUN"), ("report", "RUN")])
def test_what_is_not_installed_is_named_with_its_extra(swept: Path, words: tuple[str, ...]) -> None:
    """Without any of the packages that `itnas[dashboard]` brings."""
    absent = "import sys; sys.modules |= dict.fromkeys(('dash', 'dash_ag_grid', 'flask', 'werkzeug'))\n"
    told = [word.replace("RUN", str(swept)) for word in words]
    start = [sys.executable, "-c", f"{absent}from itnas.cli import main; main()"]
    done = subprocess.run([*start, *told], capture_output=True, text=True, env=ALONE)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "install it with pip install 'itnas[dashboard]'" in done.stderr


def test_mistakes_of_ours_keep_their_traceback() -> None:
    def fail() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        ended(fail)


def test_a_question_that_is_declined_ends_with_1(inside: Inside, swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert inside("runs", "--remove", str(swept)) == (1, "", "")
    assert swept.is_dir()
