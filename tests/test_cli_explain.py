"""`itnas explain` as users run it: on a real training, of one replica and of all, and on what is no training."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from itnas.cli import main
from itnas.training import checkpoint

Inside = Callable[..., tuple[int, str, str]]
START = [sys.executable, "-c", "from itnas.cli import main; main()"]
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80"}
QUICK = ("--lengths", "8,16", "--copies", "1", "--quiet")


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*START, *map(str, arguments)], capture_output=True, text=True, env={**ALONE, **environment})


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    """The command line in this process: exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["itnas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code or 0, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("explain") / "out"
    small = ["--task", "local-pattern", "--steps", "30", "--length", "16", "--batch-size", "8", "--replicas", "2"]
    process = run("train", "transformer", *small, "--out", out, "--quiet")
    assert process.returncode == 0, process.stderr
    return out


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """One to spoil."""
    return Path(shutil.copytree(trained, tmp_path / "out"))


def best(trained: Path) -> int:
    return int(checkpoint.load(trained / "weights.safetensors")[1]["replica"])


def test_json_is_the_explanation_of_the_best_replica(trained: Path, inside: Inside) -> None:
    code, out, errors = inside("explain", trained, *QUICK, "--json")
    assert (code, errors) == (0, "")
    found = json.loads(out)
    assert found["task"] == "local-pattern/length=16"
    assert found["lengths"] == [8, 16]
    layers = [row for row in found["layers"] if row["head"] is None]
    assert [row["layer"] for row in layers] == [0, 1]
    assert {row["replica"] for row in found["layers"]} == {best(trained)}
    assert {"family", "support", "state_size", "growth_state", "growth_support", "imposed"} <= set(layers[0])
    assert list(found["whole"]) == [str(best(trained))]


@pytest.mark.parametrize("name", ["weights.safetensors", "replicas.safetensors"])
def test_a_file_in_the_folder_will_do(trained: Path, inside: Inside, name: str) -> None:
    shown = inside("explain", trained, *QUICK, "--json")[1]
    assert inside("explain", trained / name, *QUICK, "--json")[1] == shown


def test_the_best_replica_by_its_number(trained: Path, inside: Inside) -> None:
    """Its part of the stacked weights is what has a file of its own."""
    shown = inside("explain", trained, *QUICK, "--json")[1]
    assert inside("explain", trained, *QUICK, "--json", "--replica", best(trained))[1] == shown


def test_every_replica_of_the_chosen_learning_rate(trained: Path, inside: Inside) -> None:
    result = json.loads((trained / "result.json").read_text())
    own = [n for n, each in enumerate(result["replicas"]) if each["learning_rate"] == result["learning_rate"]]
    found = json.loads(inside("explain", trained, *QUICK, "--json", "--all")[1])
    assert [each["layers"][0]["replica"] for each in found] == own
    assert len(own) == 2
    layers = [layer for each in found for layer in each["layers"] if layer["layer"] == 0 and layer["head"] is None]
    commonest, count = Counter(layer["family"] for layer in layers).most_common(1)[0]
    told = inside("explain", trained, *QUICK, "--all")[1].splitlines()
    summary = told[told.index("Over 2 replicas") + 1 :]
    assert summary[0].startswith(f"Layer 1: {commonest} in {count} of 2 (95 %: ")
    rows = list(csv.DictReader(io.StringIO(inside("explain", trained, *QUICK, "--csv", "--all")[1])))
    assert len(rows) == sum(len(each["layers"]) for each in found)
    assert {row["replica"] for row in rows} == set(map(str, own))


def test_replicas_that_died_are_left_out(copied: Path, inside: Inside) -> None:
    result = json.loads((copied / "result.json").read_text())
    own = [n for n, each in enumerate(result["replicas"]) if each["learning_rate"] == result["learning_rate"]]
    result["replicas"][own[0]]["died"] = 3
    (copied / "result.json").write_text(json.dumps(result))
    found = json.loads(inside("explain", copied, *QUICK, "--json", "--all")[1])
    assert [each["layers"][0]["replica"] for each in found] == own[1:]
    code, _, errors = inside("explain", copied, *QUICK, "--replica", own[0])
    assert code == 2
    assert f"replica {own[0]} died in training at step 3: name another" in errors


@pytest.mark.parametrize("columns", ["80", "160"])
def test_people_get_sentences_and_tables(trained: Path, columns: str) -> None:
    process = run("explain", trained, "--lengths", "8,16", "--copies", "0", COLUMNS=columns)
    assert process.returncode == 0, process.stderr
    assert process.stderr.splitlines() == [f"explaining replica {best(trained)} on local-pattern/length=16"]
    lines = process.stdout.splitlines()
    assert lines[0].startswith(f"local-pattern/length=16, replica {best(trained)} (score ")
    for number, place in enumerate(line for line in lines if line.startswith("Layer ") and "blocks" in line):
        assert place == f"Layer {number + 1}: blocks.{number}.mixer (attention)"
    assert any(line.startswith("  head 1 ") for line in lines)
    assert lines[-2].startswith("All layers replaced at once by what they became: fidelity ")
    assert "\x1b" not in process.stdout
    tables = [line for line in lines if line.startswith(("layer", "  head", "verdict", "fidelity"))]
    assert max(map(len, tables)) <= int(columns)
    assert "convolution" in " ".join(tables)


def test_pictures_and_arrays(trained: Path, tmp_path: Path, inside: Inside) -> None:
    page, arrays = tmp_path / "deep" / "out.html", tmp_path / "out.npz"
    assert inside("explain", trained, *QUICK, "--all", "--plot", page, "--arrays", arrays)[0] == 0
    text = page.read_text()
    assert "<script src=" not in text
    assert text.count("<h3>Layer 2: blocks.1.mixer (attention)</h3>") == text.count("<h2 ") == 2
    assert "All layers replaced at once by what they became: fidelity " in text
    found = np.load(arrays)
    about = json.loads(str(found["about"]))
    assert set(about) == {f"{replica}.{layer}" for replica in {key.split(".")[0] for key in about} for layer in (0, 1)}
    key = next(iter(about))
    heads = len(about[key]["effective_rank"]["heads"])
    assert found[f"{key}.averaged"].shape == (heads, 16, 16)
    assert found[f"{key}.averaged"].dtype == np.float32


def test_another_task_of_the_same_shape(trained: Path, inside: Inside) -> None:
    found = json.loads(inside("explain", trained, *QUICK, "--json", "--task", "local-pattern/length=32")[1])
    assert found["task"] == "local-pattern/length=32"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: there is no such folder; name one that `itnas train --out` wrote"),
        (["runs/first:17"], "runs/first:17: runs of many trials come with `itnas search`"),
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
    checkpoint.save(path, tensors, data)


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
    assert "folder" in out.splitlines()[1]
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
        [*START, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ALONE
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("explaining replica ")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert out == ""
    assert list(tmp_path.iterdir()) == []
