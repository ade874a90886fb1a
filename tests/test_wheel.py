"""The wheel where nothing else is: a fresh environment with what it says it needs and no more, an empty folder."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
SMALL = (
    *(
        "--engine",
        "inline",
        "--task",
        "flip-flop",
        "--trials",
        "2",
        "--replicas",
        "1",
        "--steps",
        "4",
        "--length",
        "16",
    ),
    *("--rungs", "2", "--specialists", "gru", "--confirm", "1", "--confirm-replicas", "1", "--copies", "1"),
)


def required(name: str, extras: frozenset[str], found: set[str]) -> Iterator[str]:
    """The packages that one needs with these extras, and those that they need; those that are installed here."""
    for line in distribution(name).requires or ():
        wanted = Requirement(line)
        asked = [extra for extra in ("", *extras) if wanted.marker is None or wanted.marker.evaluate({"extra": extra})]
        key = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if asked and key not in found:
            found.add(key)
            try:
                distribution(key)
            except PackageNotFoundError:
                continue
            yield key
            yield from required(key, frozenset(wanted.extras), found)


def link(packages: Iterator[str], target: Path) -> None:
    """Have the packages of this environment in another one: links take no minutes and no gigabytes."""
    for name in packages:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            place = target / top
            if not place.exists():
                place.symlink_to(Path(str(found.locate_file(top))).resolve())


class Elsewhere:
    """The wheel in its environment."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "venv" / "bin"
        self.empty = folder / "empty"
        self.empty.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        pip = [sys.executable, "-m", "pip", "--quiet"]
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], check=True, capture_output=True)
        (wheel,) = folder.glob("itnas-*.whl")
        into = [*pip, "--python", self.bin / "python", "install", "--no-deps", "--no-index", wheel]
        subprocess.run(into, check=True, capture_output=True)
        (self.site,) = (folder / "venv").glob("lib/python*/site-packages")
        link(required("itnas", frozenset(), set()), self.site)
        left_out = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        self.environment = {name: value for name, value in os.environ.items() if name not in left_out}
        self.environment |= {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error::SyntaxWarning"}

    def run(self, *words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        told = [str(self.bin / "itnas"), *words]
        done = subprocess.run(told, capture_output=True, text=True, cwd=self.empty, env=self.environment)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    return Elsewhere(tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_works_with_what_it_says_it_needs(elsewhere: Elsewhere) -> None:
    run = elsewhere.run
    where = subprocess.run(
        [elsewhere.bin / "python", "-c", "import itnas; print(itnas.__file__)"],
        capture_output=True,
        text=True,
        cwd=elsewhere.empty,
        env=elsewhere.environment,
    )
    assert where.stdout.startswith(str(elsewhere.site)), where.stderr
    for absent in ("pytest", "beartype", "hypothesis", "playwright", "dash", "onnxscript"):
        assert not (elsewhere.site / absent).exists()

    assert len(json.loads(run("spaces", "--json").stdout)) == len(list((ROOT / "search_spaces").glob("*.yaml")))
    assert "recall" in run("tasks").stdout
    done = json.loads(run("search", "emergence", *SMALL, "--run", "runs/one", "--json", "--quiet").stdout)
    assert done["state"] == "ended"
    assert "flip-flop" in run("findings", "runs/one").stdout
    assert [row["state"] for row in json.loads(run("trials", "runs/one", "--json").stdout)] == ["complete"] * 2
    run("export", "runs/one", "--out", "best.yaml")
    run("export", "runs/one", "--format", "weights", "--out", "best")
    run("export", "best", "--format", "module", "--out", "plain")
    words = ("--task", "flip-flop/length=16", "--steps", "2", "--replicas", "1", "--quiet", "--out", "trained")
    run("train", "best.yaml", *words)
    run("explain", "trained", "--lengths", "16", "--copies", "0", "--quiet")
    run("doctor", "--quick")
    for words, extra in (
        (("report", "runs/one"), "dashboard"),
        (("dashboard", "runs/one"), "dashboard"),
        (("export", "best", "--format", "onnx", "--out", "best.onnx"), "export"),
    ):
        refused = run(*words, code=2)
        assert f"pip install 'itnas[{extra}]'" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert sorted(path.name for path in elsewhere.empty.iterdir()) == ["best", "best.yaml", "plain", "runs", "trained"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_pages_need_their_extra_and_no_more(elsewhere: Elsewhere) -> None:
    if not (elsewhere.empty / "runs" / "two").exists():
        elsewhere.run("search", "emergence", *SMALL, "--run", "runs/two", "--quiet")
    link(required("itnas", frozenset({"dashboard"}), set()), elsewhere.site)
    (written,) = json.loads(elsewhere.run("report", "runs/two", "--json").stdout)
    assert written["bytes"] > 10**6
    words = [str(elsewhere.bin / "itnas"), "dashboard", "runs/two", "--port", "0", "--json"]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=elsewhere.empty,
        env=elsewhere.environment,
    )
    try:
        assert process.stdout is not None
        told = ""
        while not told or told.count("{") != told.count("}"):
            line = process.stdout.readline()
            assert line, process.communicate()
            told += line
        with urllib.request.urlopen(json.loads(told)["address"]) as answer:
            assert answer.status == 200
            assert b"itnas" in answer.read()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0
