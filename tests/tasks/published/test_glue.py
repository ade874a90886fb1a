"""GLUE as nine tasks: bytes, pairs, splits, and scores that are the official ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from itnas.datasets import glue_scores
from itnas.datasets.glue import GLUE, Example
from itnas.operator import Sequence
from itnas.operator.domain import Union
from itnas.tasks import Batch, find
from itnas.tasks.published.glue import CHANCE
from tests.datasets.glue_files import write_split
from tests.tasks.published.miniatures import SMALL, examples

PAIRS = [name for name, each in GLUE.items() if each.second]


def scored(name: str, split: str, answers: torch.Tensor, portions: list[Batch]) -> float | None:
    tally, start = find(name).tally(), 0
    for batch in portions:
        tally.add(answers[start : start + len(batch)], batch)
        start += len(batch)
    return tally.score()


def test_a_sentence_is_its_bytes(data: Path) -> None:
    task = find("glue/cola/length=12")
    sample = examples("cola", "train", 5)[4]
    batch = task.assemble([sample, Example("a", None, 1)], "train", np.random.default_rng(0), 12)
    assert bytes(batch.inputs[0].tolist()) == sample.sentence.encode()[:12]
    assert batch.inputs[1].tolist() == [97] + [256] * 11
    assert isinstance(batch.domain, Sequence)
    assert batch.domain.valid.tolist() == [[True] * 12, [True] + [False] * 11]
    assert batch.targets.tolist() == [0, 1]


def test_a_pair_is_a_union_of_two_halves(data: Path) -> None:
    task = find("glue/rte/length=16")
    assert task.compares
    batch = task.assemble([Example("abc", "defghijklm", 1)], "train", np.random.default_rng(0), 16)
    assert batch.inputs[0, :, 0].tolist() == [97, 98, 99] + [256] * 5 + list(b"defghijk")
    assert isinstance(batch.domain, Union)
    assert batch.domain.sizes == (8, 8)
    assert batch.domain.names == tuple(modality.name for modality in task.modalities) == ("first", "second")
    assert batch.domain.per_sample()["0.valid"][0].tolist() == [True] * 3 + [False] * 5


def test_an_empty_text_still_is_a_point(data: Path) -> None:
    batch = find("glue/rte/length=8").assemble([Example("", "b", 0)], "test", np.random.default_rng(0), 8)
    assert batch.domain.per_sample()["0.valid"][0].tolist() == [True, False, False, False]
    assert batch.inputs[0, :4, 0].tolist() == [256.0] * 4


@pytest.mark.parametrize("name", list(GLUE))
def test_splits_are_those_that_are_documented(name: str, data: Path) -> None:
    task = find(f"glue/{name}")
    train, validation = set(task.rows("train")), set(task.rows("validation"))
    assert not train & validation
    assert len(train) + len(validation) == 120
    assert task.split_size("test") == (36 if name == "mnli" else 18)
    sentences = {
        split: {task.load(split, int(row)).sentence for row in task.rows(split)} for split in ("train", "test")
    }
    assert not sentences["train"] & sentences["test"]


def test_pairs_with_the_same_first_sentence_stay_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Example(f"premise {number // 3}", f"number {number}", number % 2) for number in range(300)]
    write_split(tmp_path / "glue", "rte", "train", rows)
    write_split(tmp_path / "glue", "rte", "validation", rows[:3])
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    task = find("glue/rte")
    firsts = {split: {rows[row].sentence for row in task.rows(split)} for split in ("train", "validation")}
    assert not firsts["train"] & firsts["validation"]
    assert len(task.rows("validation")) == 3 * len(firsts["validation"])


@pytest.mark.parametrize("name", [name for name in GLUE if name != "mnli"])
def test_a_split_has_the_official_score(name: str, data: Path) -> None:
    task = find(SMALL[f"glue/{name}"])
    portions = list(task.portions("test", 1))
    labels = torch.cat([batch.targets for batch in portions])
    outputs = torch.randn(len(labels), task.outputs)
    said = outputs.argmax(-1) if task.classifies else outputs[:, 0]
    official = glue_scores.scores(name, said.double().numpy(), labels.double().flatten().numpy())
    assert scored(task.label, "test", outputs, portions) == pytest.approx(np.mean(list(official.values())))


def test_the_score_of_sts_b_is_that_of_scipy(data: Path) -> None:
    task = find(SMALL["glue/sts-b"])
    portions = list(task.portions("test", 1))
    labels = torch.cat([batch.targets for batch in portions])
    assert labels.dtype == torch.float32
    said = labels + torch.randn(labels.shape)
    expected = stats.pearsonr(said[:, 0], labels[:, 0])[0] + stats.spearmanr(said[:, 0], labels[:, 0])[0]
    assert scored(task.label, "test", said, portions) == pytest.approx(expected / 2, abs=1e-6)


def test_the_score_of_mnli_is_the_mean_of_both_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of all pairs together, of which more are matched."""
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    for split, count in (("train", 60), ("validation", 80), ("validation-mismatched", 20)):
        write_split(tmp_path / "glue", "mnli", split, examples("mnli", split, count))
    portions = list(find("glue/mnli/length=8").portions("test", 1))
    assert [len(batch) for batch in portions] == [64, 16, 20]
    labels = torch.cat([batch.targets for batch in portions])
    right = torch.nn.functional.one_hot(labels, 3).float()
    right[80:90] = right[80:90].roll(1, -1)
    assert scored("glue/mnli", "test", right, portions) == pytest.approx((1.0 + 0.5) / 2)
    validation = list(find("glue/mnli/length=8").portions("validation", 9))
    half = torch.zeros(sum(map(len, validation)), 3)
    expected = (torch.cat([batch.targets for batch in validation]) == 0).float().mean()
    assert scored("glue/mnli", "validation", half, validation) == pytest.approx(float(expected))


@pytest.mark.parametrize("name", list(GLUE))
def test_what_stands_in_for_the_score_in_a_batch_runs_from_chance_to_one(name: str, data: Path) -> None:
    task = find(SMALL[f"glue/{name}"])
    batch = task.batch(size=len(task.rows("train")))
    if task.classifies:
        perfect = torch.nn.functional.one_hot(batch.targets, task.outputs).float()
        usual = torch.zeros_like(perfect)
        usual[:, batch.targets.bincount().argmax()] = 1
    else:
        perfect, usual = batch.targets, batch.targets.mean().expand(batch.targets.shape)
    assert task.score(perfect, batch)[0] == pytest.approx(1.0)
    chance = max(CHANCE[name], 1 / task.outputs) if task.metric == "accuracy" else CHANCE[name]
    tolerance = 0.35 if task.metric == "accuracy" else 0.08
    assert task.score(usual, batch)[0] == pytest.approx(chance, abs=tolerance)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_have_even_lengths(name: str) -> None:
    assert find(f"glue/{name}").lengths == (64, 128, 256)
    with pytest.raises(ValueError, match=f"task glue/{name}: each sentence gets half the length, got length=33"):
        find(f"glue/{name}/length=33")


def test_names(data: Path) -> None:
    assert find("glue").label == "glue/cola"
    assert find("glue/cola,length=256").label == find("glue/cola/length=256").label == "glue/cola/length=256"
    assert find("glue/mnli").length == 256
    assert find("glue/mnli/length=128").label == "glue/mnli/length=128"
    with pytest.raises(ValueError, match=r"unknown variant of task glue 'colaa'.*did you mean 'cola'"):
        find("glue/colaa")
    with pytest.raises(ValueError, match="unknown set of task glue 'sst'"):
        find("glue/set=sst")
