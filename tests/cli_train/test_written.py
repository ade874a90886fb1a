"""`itnas train` and `itnas tasks` as users run them: what is shown, and what a folder holds afterwards."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

import itnas as package
from tests.cli_train.small import command
from tests.started import Inside, itnas


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("train") / "out"
    return out, itnas(*command(out, 30, "--json", "--test"))


def test_json_says_all(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, process = finished
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout)
    assert set(found["score"]) == {"mean", "low", "high", "replicas"}
    assert found["score"]["replicas"] == 2
    assert found["score"]["low"] <= found["score"]["mean"] <= found["score"]["high"] <= 1
    assert (found["chance"], found["ceiling"], found["metric"]) == (0.5, 1.0, "accuracy")
    assert found["steps"] == 30
    assert found["samples"] == 240
    assert [(each["seed"], each["learning_rate"]) for each in found["replicas"]] == [
        (3000, 0.003), (3000, 0.01), (3001, 0.003), (3001, 0.01)
    ]  # fmt: skip
    own = [each["score"] for each in found["replicas"] if each["learning_rate"] == found["learning_rate"]]
    assert found["score"]["mean"] == pytest.approx(sum(own) / 2)
    assert found["test_score"]["replicas"] == 2
    assert found == json.loads((out / "result.json").read_text())


def test_progress_is_plain_lines_in_a_pipe(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    lines = finished[1].stderr.splitlines()
    assert len(lines) == 10
    assert all(line.startswith("gru on parity/length=16,batch_size=8: step ") for line in lines)
    assert lines[-1].startswith("gru on parity/length=16,batch_size=8: step 30 of 30, loss 0.")
    assert lines[-1].endswith("0 s left")
    assert "score 0." in lines[-1]


def test_the_weights_are_those_of_the_best_replica(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, process = finished
    found = json.loads(process.stdout)
    network = package.build(out / "genome.yaml", found["task"])
    network.load_state_dict(load_file(out / "weights.safetensors"))
    from itnas.tasks import find

    task = find(found["task"])
    batch = task.batch("validation", size=512)
    mean, _ = task.score(network(batch.inputs, batch.domain), batch)
    own = [each["score"] for each in found["replicas"] if each["learning_rate"] == found["learning_rate"]]
    assert mean == pytest.approx(max(own), abs=1e-3)
    stacked = load_file(out / "replicas.safetensors")
    assert all(part.shape[0] == 4 for part in stacked.values())


def test_curves_are_a_table(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, process = finished
    curves = pd.read_parquet(out / "curves.parquet")
    assert curves["replica"].nunique() == 4
    last = curves[curves["step"] == 30]
    assert last["score"].tolist() == [each["score"] for each in json.loads(process.stdout)["replicas"]]
    assert sorted(path.name for path in out.iterdir()) == [
        ".lock", "curves.parquet", "genome.yaml", "replicas.safetensors", "result.json", "weights.safetensors"
    ]  # fmt: skip


def test_the_same_command_again_shows_the_result(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, process = finished
    before = (out / "weights.safetensors").stat().st_mtime_ns
    again = itnas(*command(out, 30, "--json", "--quiet"))
    assert json.loads(again.stdout) == json.loads(process.stdout)
    assert (out / "weights.safetensors").stat().st_mtime_ns == before
    assert again.stderr == ""
    shown = itnas(*command(out, 30))
    assert "holds the result already" in shown.stderr
    assert "accuracy 0." in shown.stdout


def test_a_test_score_that_is_not_there_is_not_passed_over(tmp_path: Path, inside: Inside) -> None:
    arguments = command(tmp_path, 3, "--quiet", "--json")
    assert inside(*arguments)[0] == 0
    code, _, errors = inside(*arguments, "--test")
    assert code == 2
    assert "holds this training's result without a test score" in errors


def test_another_training_is_not_written_over(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, _ = finished
    process = itnas(*command(out, 40))
    assert process.returncode == 2
    assert process.stderr.strip() == (
        f"itnas: {out} holds the result of another training: name another folder, or delete it"
    )


def test_scaled_up_from_a_folder_it_goes_on_where_it_was(tmp_path: Path, inside: Inside) -> None:
    first, large = tmp_path / "first", tmp_path / "large"
    assert inside(*command(first, 3, "--quiet"))[0] == 0
    arguments = ["train", str(first), "--task", "parity/length=8,batch_size=8", "--replicas", "1", "--steps", "3"]
    arguments += ["--width", "2x", "--depth", "3", "--length", "1.5x", "--out", str(large), "--json"]
    code, shown, errors = inside(*arguments)
    assert code == 0, errors
    assert errors.splitlines()[0] == (
        "itnas: learning rates stay the genome's, 0.003 and 0.01 at width 32; 2 times as wide, "
        "most networks want rates about 2 times lower: docs/scaling.md"
    )
    assert json.loads(shown)["task"] == "parity/length=12,batch_size=8"
    made = package.Genome.load(large / "genome.yaml")
    assert (made.width, made.depth) == (64, 3)
    assert made.training == package.Genome.load(first / "genome.yaml").training
    again = inside(*arguments)
    assert (again[0], again[1]) == (0, shown)
    assert again[2] == f"itnas: {large} holds the result already; delete it to train again\n"


@pytest.mark.parametrize(
    "options", [["--width", "1x"], ["--width", "16"], ["--depth", "2x"], ["--width", "2x", "--quiet"]]
)
def test_advice_is_given_where_it_is_needed(tmp_path: Path, inside: Inside, options: list[str]) -> None:
    arguments = ["train", "gru", "--task", "parity/length=8,batch_size=8", "--replicas", "1", "--steps", "1"]
    code, _, errors = inside(*arguments, *options, "--out", str(tmp_path / "out"))
    assert code == 0, errors
    assert "learning rates" not in errors


def test_without_out_the_same_command_finds_its_folder(tmp_path: Path) -> None:
    arguments = ["train", "gru", "--task", "parity/length=8", "--steps", "4", "--replicas", "1", "--quiet", "--json"]
    first, second = itnas(*arguments, cwd=tmp_path), itnas(*arguments, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    folders = list((tmp_path / "runs" / "train").iterdir())
    assert len(folders) == 1
    assert folders[0].name.startswith("parity_length=8-")
    assert json.loads(first.stdout)["score"]["low"] is None


def test_a_page_is_drawn_that_needs_no_network(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, _ = finished
    page = out.parent / "curves.html"
    assert itnas(*command(out, 30, "--quiet", "--plot", str(page))).returncode == 0
    text = page.read_text()
    assert "rate 0.003, seed 3000" in text
    assert "<script src=" not in text


def test_the_users_own_genome_file_is_kept(tmp_path: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its comments, if it is the one that is trained; and another one is not written over."""
    monkeypatch.chdir(tmp_path)
    text = "# mine\nlayers: gru\nwidth: 8\n"
    (tmp_path / "genome.yaml").write_text(text)
    small = ["--task", "parity/length=8,batch_size=4", "--steps", "2", "--quiet", "--out", "."]
    assert inside("train", "genome.yaml", *small)[0] == 0
    assert (tmp_path / "genome.yaml").read_text() == text
    (tmp_path / "result.json").unlink()
    code, _, errors = inside("train", "lstm", *small)
    assert code == 2
    assert "genome.yaml is another genome: name another folder" in errors
    assert (tmp_path / "genome.yaml").read_text() == text


def test_users_tasks_train(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\n"
        "import torch\n"
        "from itnas.tasks import Batch, Task\n"
        "@dataclass(frozen=True)\n"
        "class Copy(Task):\n"
        "    name, summary, expects = 'copy', 'Tokens in, tokens out.', 'Nothing to mix.'\n"
        "    length: int = 8\n"
        "    vocabulary = 4\n"
        "    outputs = 4\n"
        "    chance = 0.25\n"
        "    def draw(self, rng, size, length):\n"
        "        tokens = torch.from_numpy(rng.integers(4, size=(size, length)))\n"
        "        return Batch(tokens, tokens)\n"
    )
    arguments = ["train", "transformer", "--task", "mine:Copy", "--steps", "60", "--replicas", "1", "--json", "--quiet"]
    process = itnas(*arguments, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout)
    assert found["task"] == "mine:Copy"
    assert found["score"]["mean"] > 0.9


def test_tasks_lists_all(inside: Inside) -> None:
    from itnas.tasks import TASKS

    names = [name for kind in TASKS for name in TASKS[kind].listed()]
    rows = json.loads(inside("tasks", "--json")[1])
    assert [row["task"] for row in rows] == names
    for row in rows:
        assert {"metric", "chance", "ceiling", "lengths", "expects"} <= set(row)
    assert len(inside("tasks", "--csv")[1].splitlines()) == len(names) + 1
    shown = inside("tasks")[1]
    assert all(name in shown for name in names)
    assert "pairs=4" in inside("tasks", "recall/pairs=4")[1]
    code, _, errors = inside("tasks", "--json", "--csv")
    assert (code, errors) == (2, "itnas: --json and --csv exclude each other: give one of them\n")
