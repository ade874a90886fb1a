"""Published tasks on the command line: found with --data, trained on, explained, searched; said what is missing."""

import csv
import io
import json
from pathlib import Path

import pytest

import itnas
from itnas.entry import genome_of
from itnas.models import specialist
from itnas.tasks import TASKS, find
from tests.started import Inside
from tests.tasks.published.miniatures import SMALL

PUBLISHED = [name for kind in TASKS if TASKS[kind].published for name in TASKS[kind].listed()]
TRAINED = [SMALL[name] for name in ("imagenet-1k", "glue/cola", "glue/rte", "glue/sts-b", "glue/mnli", "modelnet40")]
TRAINED += [SMALL["vqa-v2"], SMALL["nlvr2"]]


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ITNAS_DATA", "what --data sets is forgotten after a test")
    monkeypatch.delenv("ITNAS_DATA")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", TRAINED)
def test_training_and_explaining(name: str, inside: Inside, miniatures: Path) -> None:
    command = ("train", "transformer", "--task", name, "--data", miniatures, "--steps", 3, "--batch-size", 8)
    code, out, err = inside(*command, "--replicas", 1, "--test", "--quiet", "--json", "--out", "out")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["metric"] == find(name).metric
    assert found["chance"] == find(name).chance
    assert -1 <= found["test_score"]["mean"] <= 1
    if name in (SMALL["imagenet-1k"], SMALL["glue/cola"]):
        code, out, err = inside("explain", "out", "--data", miniatures, "--copies", 0, "--quiet", "--json")
        assert (code, err) == (0, "")
        assert {row["layer"] for row in json.loads(out)["layers"]} == {0, 1}


def test_a_sweep_without_ray(inside: Inside, miniatures: Path) -> None:
    wanted = ("--trials", 1, "--replicas", 1, "--steps", 2, "--specialists", "transformer", "--confirm", 0)
    task = ("--task", SMALL["glue/cola"], "--data", miniatures, "--batch-size", 4, "--verdicts", "none")
    code, out, err = inside(
        "search", "emergence", *task, *wanted, "--engine", "inline", "--run", "run", "--json", "--quiet"
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["findings"][0]["task"] == SMALL["glue/cola"]


@pytest.mark.ray
def test_workers_find_the_data_too(inside: Inside, miniatures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by a path that means nothing in the folder of a worker."""
    Path("sets").symlink_to(miniatures)
    monkeypatch.setenv("ITNAS_DATA", "sets")
    wanted = ("--trials", 1, "--replicas", 1, "--steps", 2, "--specialists", "transformer", "--confirm", 0)
    task = ("--task", SMALL["glue/cola"], "--batch-size", 4, "--verdicts", "none", "--slots", 1)
    code, out, err = inside("search", "emergence", *task, *wanted, "--run", "run", "--json", "--quiet")
    assert (code, err) == (0, "")
    assert json.loads(out)["findings"][0]["task"] == SMALL["glue/cola"]


def test_tasks_says_what_is_found(inside: Inside, miniatures: Path) -> None:
    rows = {row["task"]: row for row in json.loads(inside("tasks", "--data", miniatures, "--json")[1])}
    assert {rows[name]["data"] for name in PUBLISHED} == {"found"}
    assert rows["recall"]["data"] == "none needed"
    assert rows["vqa-v2"]["inputs"] == "image: 768 numbers, question: 257 tokens"
    assert rows["vqa-v2"]["domain"] == "Union"
    assert rows["glue/rte"]["metric"] == "accuracy"
    assert rows["glue/cola"]["metric"] == "matthews"


def test_tasks_says_what_is_missing_and_where_it_is_obtained(inside: Inside, tmp_path: Path) -> None:
    rows = {row["task"]: row for row in json.loads(inside("tasks", "--json")[1])}
    assert all(rows[name]["data"].startswith("no folder of data sets is named") for name in PUBLISHED)
    rows = {row["task"]: row for row in csv.DictReader(io.StringIO(inside("tasks", "--data", tmp_path, "--csv")[1]))}
    assert rows["imagenet-1k"]["data"] == (
        f"{tmp_path}/imagenet-1k lacks train, val: see image-net.org/download, or "
        "kaggle.com/c/imagenet-object-localization-challenge"
    )
    shown = inside("tasks", "--data", tmp_path)[1]
    assert max(map(len, shown.splitlines())) <= 80
    assert "Data: " in shown
    assert "image-net.org" in shown
    assert "obtained\n" not in shown
    assert inside("tasks", "imagenet-1k", "--data", tmp_path)[1].count("image-net.org") == 1


@pytest.mark.parametrize("name", PUBLISHED)
def test_without_the_data_training_ends_in_one_sentence(name: str, inside: Inside, tmp_path: Path) -> None:
    small = ("train", "transformer", "--task", SMALL[name], "--steps", 1, "--quiet")
    for given, where in (((), "no folder of data sets is named"), (("--data", tmp_path), f"{tmp_path}/")):
        code, out, err = inside(*small, *given)
        assert (code, out) == (2, "")
        assert err.startswith(f"itnas: task {name}: {where}")
        assert err.count("\n") == 1


def test_without_the_data_a_sweep_does_not_begin(inside: Inside, tmp_path: Path, data: Path) -> None:
    tasks = ("--task", "recall", "--task", "nlvr2", "--data", tmp_path)
    code, out, err = inside("search", "emergence", *tasks, "--run", "run", "--engine", "inline", "--quiet")
    assert (code, out) == (2, "")
    assert err.startswith(f"itnas: task nlvr2: {tmp_path}/nlvr2 lacks train.json")
    assert not Path("run").exists()


def test_a_folder_that_is_none_is_refused(inside: Inside) -> None:
    code, _, err = inside("tasks", "--data", "nowhere")
    assert (code, err) == (2, "itnas: nowhere is not a folder: name the one that holds the published data sets\n")


@pytest.mark.parametrize("name", PUBLISHED)
def test_costs_are_known_without_the_data(name: str) -> None:
    task = find(SMALL[name])
    cost = specialist("transformer", width=16).cost(task.length, task)
    assert cost.parameters > 0
    assert cost.flops_per_token > 0


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_outline_has_the_shapes_of_a_batch(name: str, data: Path) -> None:
    task = find(SMALL[name])
    made, outlined = task.batch("validation", size=3), task.outline(3, task.length)
    assert (made.inputs.shape, made.inputs.dtype) == (outlined.inputs.shape, outlined.inputs.dtype)
    assert (made.targets.shape, made.targets.dtype) == (outlined.targets.shape, outlined.targets.dtype)
    own = {key: part.shape for key, part in made.domain.per_sample().items()}
    assert own == {key: part.shape for key, part in outlined.domain.per_sample().items()}
    parameters = sum(part.numel() for part in itnas.build(genome_of("transformer"), task).parameters())
    assert parameters == genome_of("transformer").cost(task.length, task).parameters
