"""Budgets, rungs, reports, states, and `itnas.train`."""

import json
import math
from pathlib import Path

import pytest
import torch

import itnas
from itnas import genes
from itnas.genome import Genome
from itnas.tasks import find
from itnas.training import Budget, Population, Training, TrainingFolder, probe, recipe

TASK = "parity/length=8,batch_size=4"


def made(budget: Budget, **options: object) -> Training:
    return Training(recipe(Genome(width=8, layers=(genes.Gru(),)), find(TASK), replicas=2, budget=budget, **options))


def test_reports_come_at_intervals_and_scores_at_rungs() -> None:
    reports = list(made(Budget(400), rungs=(0.25, 0.5, 1.0)).reports())
    assert [report.step for report in reports] == list(range(2, 401, 2))
    scored = [report for report in reports if report.scores is not None]
    assert [(report.step, report.rung) for report in scored] == [(100, 1), (200, 2), (400, 3)]
    assert all(len(report.scores) == len(report.losses) == 4 for report in scored)
    assert reports[-1].progress == 1


def test_more_rungs_than_steps() -> None:
    training = made(Budget(3))
    scored = [report.step for report in training.reports() if report.scores is not None]
    assert scored == [1, 2, 3]
    assert training.done
    assert training.result().steps == 3


def test_a_budget_in_samples_is_rounded_up_to_steps() -> None:
    training = made(Budget(9, "samples"))
    list(training.reports())
    assert training.step == 3
    assert training.result().samples == 12


def test_a_budget_in_seconds_ends_in_time_and_goes_on_where_it_was() -> None:
    training = made(Budget(1.0, "seconds"))
    reports = training.reports(stop=lambda: training.clock.elapsed() > 0.4)
    assert all(report.total is None for report in reports)
    assert not training.done
    again = made(Budget(1.0, "seconds"))
    again.restore(*training.state())
    assert again.step == training.step
    before = again.clock.elapsed()
    assert before >= 0.4
    list(again.reports())
    assert again.done
    assert 1.0 <= again.clock.elapsed() < 3.0


def test_the_learning_rate_follows_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    step = Population.step

    def spy(self: Population, number: int, factor: float) -> torch.Tensor:
        seen.append(factor)
        return step(self, number, factor)

    monkeypatch.setattr(Population, "step", spy)
    list(made(Budget(40)).reports())
    assert seen[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert seen[4:] == sorted(seen[4:], reverse=True)
    assert seen[-1] < 0.01


def test_a_batch_is_cut_when_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    gradient, asked = Population.gradient, []

    def small(self: Population, batch: object) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append(self.setup.parts)
        if self.setup.parts < 4:
            raise torch.OutOfMemoryError("out of memory")
        return gradient(self, batch)

    whole, cut = made(Budget(3)), made(Budget(3))
    list(whole.reports())
    monkeypatch.setattr(Population, "gradient", small)
    list(cut.reports())
    assert asked == [1, 2, 4, 4, 4]
    assert cut.result().provenance["parts"] == 4
    torch.testing.assert_close(cut.population.stack.flat, whole.population.stack.flat, rtol=1e-2, atol=1e-4)


def test_no_batch_is_small_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Population, batch: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(Population, "gradient", fail)
    with pytest.raises(torch.OutOfMemoryError):
        list(made(Budget(3)).reports())


def test_little_memory_cuts_batches_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from itnas.training import trainer

    cost = Genome(width=8, layers=(genes.Gru(),)).cost(8, TASK, batch_size=4)
    monkeypatch.setattr(trainer, "free_memory", lambda _: 2 * 4 * cost.activation_bytes / 1.9)
    assert made(Budget(3)).population.setup.parts == 2


def test_a_state_of_another_training_is_refused() -> None:
    with pytest.raises(ValueError, match="differs in budget"):
        made(Budget(4)).restore(*made(Budget(3)).state())


@pytest.mark.parametrize("rungs", [(), (0.5,), (0.5, 0.25, 1.0), (0.0, 1.0), (0.5, 0.5, 1.0)])
def test_bad_rungs(rungs: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rising shares of the budget that end with 1"):
        made(Budget(4), rungs=rungs)


def test_train_in_memory() -> None:
    seen = []
    trained = itnas.train("gru", TASK, budget=20, replicas=2, test=True, on_report=seen.append)
    result = trained.result
    assert result.score.replicas == 2
    assert result.test_score.replicas == 2
    assert len(seen) == 20
    curves = trained.curves()
    assert curves["replica"].nunique() == 4
    batch = itnas.task(TASK).batch("validation", size=64)
    best = max(
        (number for number, each in enumerate(result.replicas) if each.learning_rate == result.learning_rate),
        key=lambda number: result.replicas[number].score,
    )
    outputs = trained.network()(batch.inputs)
    torch.testing.assert_close(outputs, trained.training.population.outputs(batch)[best], rtol=1e-4, atol=1e-5)
    other = trained.network(replica=(best + 1) % 4)(batch.inputs)
    assert not torch.allclose(outputs, other)


def test_train_into_a_folder_goes_on_from_there(tmp_path: Path) -> None:
    options = {"budget": 12, "replicas": 1, "seed": 5}
    whole = itnas.train("gru", TASK, **options)
    training = Training(whole.training.recipe)
    count = iter(range(100))
    list(training.reports(stop=lambda: next(count) == 5))
    with TrainingFolder(tmp_path) as folder:
        folder.save(training)
    resumed = itnas.train("gru", TASK, out=tmp_path, **options)
    assert torch.equal(resumed.training.population.stack.flat, whole.training.population.stack.flat)
    assert json.loads((tmp_path / "result.json").read_text())["steps"] == 12
    with pytest.raises(ValueError, match="holds this training's result already"):
        itnas.train("gru", TASK, out=tmp_path, **options)


def test_a_training_in_which_all_die_says_so() -> None:
    """A learning rate of 10 without clipping: scores are those of guessing, the result stays plain JSON."""
    training = genes.Training(learning_rates=(10.0,), clip=None, warmup=0.0)
    genome = Genome(width=8, layers=(genes.Integral(rms_norm=False, iterate=4),), training=training)
    trained = itnas.train(genome, "exponential-average/length=16,batch_size=4", budget=60, replicas=2)
    assert all(each.died is not None for each in trained.result.replicas)
    assert trained.result.score.mean == trained.result.chance
    assert not trained.curves().query("step == 60")["alive"].any()
    assert math.isfinite(trained.result.score.mean)


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    first, again, other = (
        itnas.train("gru", TASK, budget=5, replicas=1, seed=seed).training.population.stack.flat for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_test_split_that_cannot_be_read_is_found_out_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_task: object, split: str) -> int | None:
        if split == "test":
            raise ValueError("dev.tsv is damaged")
        return None

    task = find("digits")
    made = recipe(Genome(width=8), task, replicas=1)
    monkeypatch.setattr(type(task), "split_size", damaged)
    probe(made)
    with pytest.raises(ValueError, match=r"dev\.tsv is damaged"):
        probe(made, test=True)
