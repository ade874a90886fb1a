"""What shells are told when a word is half typed: the right names, fast, and without loading torch."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from itnas.cli import complete, names
from itnas.shipped import shipped
from itnas.space import Space
from tests.started import ALONE

SHELLS = ("bash", "zsh", "fish")


def completed(line: str, shell: str = "bash", cwd: Path | None = None, code: str | None = None) -> list[str]:
    """What the shell is told for this line, its last word being typed."""
    words = line.split(" ")
    asked = {
        "_ITNAS_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    start = [
        sys.executable,
        "-c",
        f"import sys\n{code or ''}\nfrom itnas.cli import main; main()",
    ]
    done = subprocess.run(start, capture_output=True, text=True, env={**ALONE, **asked}, cwd=cwd)
    assert done.stderr == "", done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("itnas sea", ["search"]),
        ("itnas search --prof", ["--profile"]),
        ("itnas search --profile d", ["default", "demo"]),
        ("itnas search kern", ["kernels"]),
        ("itnas search kernels --task mad-re", ["mad-recall"]),
        ("itnas search -t glue/co", ["glue/cola"]),
        ("itnas search --sampler tpe-", ["tpe-flat", "tpe-group", "tpe-independent"]),
        ("itnas search --specialists gru,conv", ["gru,convnet", "gru,convnet/operator"]),
        ("itnas train selective", ["selective-ssm", "selective-ssm/operator"]),
        ("itnas train itnet", ["itnet-b", "itnet-l", "itnet-s"]),
        ("itnas spaces ran", ["rank"]),
        ("itnas tasks par", ["parity"]),
        ("itnas export x --format ku", ["kubernetes"]),
        ("itnas trials x --state in", ["infeasible"]),
        ("itnas bench cry", ["crystallise"]),
        ("itnas search --nothing-like-it x", []),
    ],
)
def test_names_are_offered(line: str, offered: list[str]) -> None:
    assert [each for each in completed(line) if each] == offered


def test_folders_of_runs_are_offered(tmp_path: Path) -> None:
    for name in ("first", "second", "deep/third"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.db").touch()
    (tmp_path / "runs" / "no run").mkdir()
    (tmp_path / "elsewhere" / "fourth").mkdir(parents=True)
    (tmp_path / "elsewhere" / "fourth" / "run.db").touch()
    (tmp_path / "mine.yaml").touch()
    assert completed("itnas status ", cwd=tmp_path) == ["runs/first", "runs/second", "runs/deep/third"]
    assert completed("itnas status runs/s", cwd=tmp_path) == ["runs/second"]
    assert completed("itnas dashboard runs/first elsewhere/", cwd=tmp_path) == ["elsewhere/fourth"]
    assert completed("itnas search m", cwd=tmp_path) == ["modalities", "mine.yaml"]
    # Where nothing is offered, shells offer files.
    assert completed("itnas status nowhere/", cwd=tmp_path) in ([], [""])


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_is_told(shell: str) -> None:
    assert any("parity" in each for each in completed("itnas tasks par", shell))


@pytest.mark.parametrize(
    "line", ["itnas ", "itnas search --task ", "itnas train ", "itnas explain ", "itnas trials x -t "]
)
def test_nothing_heavy_is_loaded(line: str) -> None:
    code = (
        "import atexit\n"
        "heavy = {'torch', 'numba', 'ray', 'optuna', 'pandas', 'numpy', 'dash'}\n"
        "atexit.register(lambda: heavy & set(sys.modules) and sys.stderr.write(repr(heavy & set(sys.modules))))"
    )
    completed(line, code=code)


def test_it_takes_less_than_a_second() -> None:
    """Of the processor, as tests share their machine; a quarter of a second where nothing else runs."""
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        completed("itnas train ")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(took) < 1


@pytest.mark.parametrize("shell", SHELLS)
def test_it_installs(shell: str, tmp_path: Path) -> None:
    asked = {**ALONE, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    start = [sys.executable, "-c", "from itnas.cli import main; main()"]
    done = subprocess.run([*start, "--install-completion", shell], capture_output=True, text=True, env=asked)
    assert done.returncode == 0, done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("_ITNAS_COMPLETE" in path.read_text() for path in written)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_itself_completes(shell: str, tmp_path: Path) -> None:
    """The script that is installed, in the shell that it is for."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed here")
    home = {**ALONE, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    code = [sys.executable, "-c", "from itnas.cli import main; main()"]
    script = subprocess.run([*code, "--show-completion", shell], capture_output=True, text=True, env=home).stdout
    (tmp_path / "itnas").write_text(f"#!{sys.executable}\nfrom itnas.cli import main\nmain()\n")
    (tmp_path / "itnas").chmod(0o755)
    home["PATH"] = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    home["PYTHONPATH"] = os.getcwd()
    typed = {
        "bash": f"{script}\nCOMP_WORDS=(itnas tasks par)\nCOMP_CWORD=2\n_itnas_completion itnas\n"
        "echo ${COMPREPLY[*]}",
        "fish": f"{script}\ncomplete --do-complete 'itnas tasks par'",
        # The words of zsh's own widgets are set by hand.
        "zsh": f"compdef() {{ :; }}\n_arguments() {{ print -r -- $*; }}\n{script}\n"
        "words=(itnas tasks par)\nCURRENT=3\n_itnas_completion",
    }[shell]
    done = subprocess.run([program, "-c", typed], capture_output=True, text=True, env=home, cwd=tmp_path)
    assert "parity" in done.stdout, (done.stdout, done.stderr)


def test_names_are_those_of_the_registries() -> None:
    from itnas.export.formats import FORMATS
    from itnas.models.specialists import SPECIALISTS
    from itnas.search.profiles import PROFILES
    from itnas.search.samplers.base import SAMPLERS
    from itnas.search.settings import SweepSettings
    from itnas.search.sweep import ENGINES
    from itnas.tasks import TASKS

    def literals(field: str) -> set[str]:
        return set(SweepSettings.model_json_schema()["properties"][field]["enum"])

    listed = [name for kind in TASKS for name in TASKS[kind].listed()]
    assert sorted(names.TASKS) == sorted(listed)
    assert set(names.SPECIALISTS) == set(SPECIALISTS)
    assert set(names.FORMATS) == set(FORMATS)
    assert set(names.SAMPLERS) == set(SAMPLERS)
    assert set(names.PROFILES) == set(PROFILES)
    assert set(names.ENGINES) == set(ENGINES)
    assert set(names.PRUNERS) == literals("pruner")
    assert set(names.VERDICTS) == literals("verdicts")
    assert set(names.PRECISIONS) == literals("precision")


def test_shipped_genomes_are_told_from_spaces() -> None:
    for name in shipped():
        assert (name in complete.genomes("")) == (Space.load(name).only() is not None or name in names.SPECIALISTS)
