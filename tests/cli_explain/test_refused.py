"""`itnas explain` on what is no training, and where it cannot write or is interrupted."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from itnas.training import checkpoint
from tests.cli_explain.small import QUICK
from tests.started import ALONE, START, Inside


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such folder: name one that `itnas train --out` wrote"),
        (["runs/nothing:17"], "runs/nothing: no such run"),
        (["."], "holds no finished training (genome.yaml, result.json, weights.safetensors, replicas.safetensors"),
        (["OUT/genome.yaml"], "genome.yaml: name a training's folder, or weights.safetensors or replicas.safetensors"),
        (["file"], "file: name a training's folder, or weights.safetensors or replicas.safetensors in it"),
        (["OUT", "--lengths", "a,b"], "--lengths must be whole numbers with commas between them, got 'a,b'"),
        (["OUT", "--lengths", ""], "--lengths must be whole numbers with commas between them, got ''"),
        (["OUT", "--lengths", "0"], "--lengths must be at least 4, got 0"),
        (["OUT", "--lengths", "8;16"], "--lengths must be whole numbers with commas between them, got '8;16'"),
        (["OUT", "--lengths", "2,16"], "--lengths must be at least 4, got 2,16"),
        (["OUT", "--json", "--csv"], "--json and --csv exclude each other"),
        (["OUT", "--all", "--replica", "1"], "--all and --replica exclude each other"),
        (["OUT", "--replica", "9"], "replica must lie in 0 to "),
        (["OUT", "--replica", "-1"], "replica must lie in 0 to "),
        (["OUT", "--copies", "-1"], "--copies must not be negative, got -1"),
        (["OUT", "--plot", "page.pdf"], "unknown ending of page.pdf 'pdf': choose from 'html'"),
        (["OUT", "--plot", "folder.html"], "--plot folder.html is a folder: name a file"),
        (["OUT", "--plot", "file/page.html"], "--plot file/page.html lies below a file: name another place"),
        (["OUT", "--arrays", "folder.npz"], "--arrays folder.npz is a folder: name a file"),
        (["OUT", "--arrays", "arrays.npy"], "unknown ending of arrays.npy 'npy': choose from 'npz'"),
        (["OUT", "--arrays", "file/arrays.npz"], "--arrays file/arrays.npz lies below a file: name another place"),
        (["OUT", "--task", "recal"], "unknown task 'recal'"),
        (["OUT", "--task", "recall"], "does not fit the genome's network on recall: "),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inside: Inside,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("folder.html", "folder.npz"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    code, out, errors = inside("explain", *(each.replace("OUT", str(trained)) for each in arguments), "--quiet")
    assert code == 2, errors
    assert message in errors
    assert errors.count("\n") == 1, errors
    assert out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.html", "folder.npz"]


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="no /proc, where nobody can write")
@pytest.mark.parametrize(("option", "name"), [("--plot", "page.html"), ("--arrays", "deep/arrays.npz")])
def test_what_cannot_be_written_is_said_before_the_work(trained: Path, inside: Inside, option: str, name: str) -> None:
    code, out, errors = inside("explain", trained, "--copies", "0", option, f"/proc/{name}")
    assert (code, out) == (2, "")
    # Not even that it begins to explain.
    assert errors == f"itnas: {option} /proc/{name} cannot be written (No such file or directory): name another place\n"


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="no /proc/meminfo, which tells the free memory")
@pytest.mark.parametrize("length", [10**6, 10**20])
def test_lengths_that_no_memory_holds(trained: Path, inside: Inside, length: int) -> None:
    code, out, errors = inside("explain", trained, "--lengths", f"8,{length}")
    assert (code, out) == (2, "")
    assert errors.startswith(f"itnas: {length} points take at least ")
    assert errors.endswith(" GB are free: ask for fewer with lengths (--lengths)\n")


def respoiled(path: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors, data = checkpoint.load(path)
    change(tensors)
    path.write_bytes(checkpoint.packed(tensors, data))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found.pop("norm.weight"), "norm.weight is missing\n"),
        (lambda found: found.update(more=torch.zeros(2)), "more is not part of it\n"),
        (lambda found: found.update({"norm.weight": torch.zeros(3)}), "norm.weight has shape [3] instead of ["),
        (lambda found: found["norm.weight"].fill_(torch.nan), "norm.weight holds what is not a number\n"),
        (lambda found: [found.pop(name) for name in list(found)[1:]], " is missing, and "),
    ],
)
def test_weights_that_do_not_fit(
    copied: Path, inside: Inside, change: Callable[[dict[str, torch.Tensor]], None], message: str
) -> None:
    respoiled(copied / "weights.safetensors", change)
    code, _, errors = inside("explain", copied, *QUICK, "--plot", copied / "page.html")
    assert code == 2
    assert f"{copied}/weights.safetensors does not fit the genome's network on local-pattern/length=16: " in errors
    assert message in errors
    assert errors.count("\n") == 1
    assert not (copied / "page.html").exists()


def test_stacked_weights_of_other_replicas(copied: Path, inside: Inside) -> None:
    respoiled(copied / "replicas.safetensors", lambda found: found.update({"norm.weight": found["norm.weight"][:1]}))
    code, _, errors = inside("explain", copied, *QUICK, "--all")
    assert code == 2
    assert "does not fit result.json: norm.weight does not hold " in errors


def test_damaged_files_are_named(copied: Path, inside: Inside) -> None:
    (copied / "result.json").write_text('{"task": "local-pattern"}')
    assert "result.json is damaged ('replicas'): train again" in inside("explain", copied, *QUICK)[2]
    (copied / "result.json").write_text("{")
    code, _, errors = inside("explain", copied, *QUICK)
    assert code == 2
    assert "result.json is damaged (" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(("name", "more"), [("weights.safetensors", ()), ("replicas.safetensors", ("--all",))])
@pytest.mark.parametrize("kept", [0, 1000])
def test_weights_cut_short(copied: Path, inside: Inside, name: str, more: tuple[str, ...], kept: int) -> None:
    (copied / name).write_bytes((copied / name).read_bytes()[:kept])
    code, _, errors = inside("explain", copied, *QUICK, *more, "--plot", copied / "page.html")
    assert code == 2
    assert f"{name} is damaged (" in errors
    assert errors.count("\n") == 1
    assert not (copied / "page.html").exists()


def test_garbage_for_weights(copied: Path, inside: Inside) -> None:
    (copied / "weights.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0garbage!")
    code, _, errors = inside("explain", copied, *QUICK)
    assert code == 2
    assert "weights.safetensors is damaged (" in errors
    assert errors.count("\n") == 1


def test_a_folder_without_weights(copied: Path, inside: Inside) -> None:
    (copied / "weights.safetensors").unlink()
    code, _, errors = inside("explain", copied, *QUICK)
    assert code == 2
    assert "holds no finished training (weights.safetensors missing): name a folder that `itnas train --out`" in errors


def test_help_names_what_is_given(inside: Inside) -> None:
    code, out, _ = inside("explain", "--help")
    assert code == 0
    assert "weights" in out.splitlines()[1]
    options = [line.split() for line in out.splitlines() if "--" in line]
    told = {word: line for line in options for word in line if word.startswith("--")}
    kinds = {"--task": "<task>", "--lengths": "<n,n,...>", "--replica": "<n>", "--copies": "<n>", "--plot": "<file>"}
    assert all(kind in told[option] for option, kind in kinds.items())


def test_weights_of_another_genome(copied: Path, inside: Inside) -> None:
    (copied / "genome.yaml").write_text("layers: gru\nwidth: 8\n")
    code, _, errors = inside("explain", copied, *QUICK)
    assert code == 2
    assert "holds the weights of another genome than the genome.yaml beside it" in errors


def test_a_full_disk_leaves_nothing_half_written(
    trained: Path, tmp_path: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system with no room: /dev/full stands in for the temporary file."""
    import itnas.files

    def full(dir: Path, prefix: str) -> tuple[int, str]:
        return os.open("/dev/full", os.O_WRONLY), str(dir / f"{prefix}x")

    monkeypatch.setattr(itnas.files.tempfile, "mkstemp", full)
    code, _, errors = inside("explain", trained, *QUICK, "--arrays", tmp_path / "out.npz")
    assert (code, errors) == (2, "itnas: No space left on device\n")
    assert list(tmp_path.iterdir()) == []


def test_interrupted(trained: Path, tmp_path: Path) -> None:
    arguments = ["explain", str(trained), "--copies", "200", "--plot", str(tmp_path / "page.html")]
    process = subprocess.Popen(
        [*START, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ALONE,
        # Shells start what runs in the background deaf to Ctrl-C, and so would be its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline().startswith("explaining replica ")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert out == ""
    assert list(tmp_path.iterdir()) == []
