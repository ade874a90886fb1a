"""`run.plot`: the figures of a run without a dashboard."""

import shutil
import sqlite3
from pathlib import Path

import pytest

import itnas
from itnas.export.chosen import of_run
from itnas.plots import Plots
from itnas.search.sweep import Means, Sweep
from itnas.store import RunError
from tests.dashboard.planting import planting
from tests.search.toy import toy_settings, toy_space, work

OF_A_TASK = ("scores", "anytime", "pareto", "parallel", "importance")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> itnas.Run:
    folder = tmp_path_factory.mktemp("runs") / "first"
    with Sweep.create(folder, toy_space(), toy_settings(trials=24, confirm=1)) as sweep:
        sweep.run(Means(engine="inline"), work=work)
    return itnas.Run(folder)


@pytest.mark.parametrize("name", OF_A_TASK)
def test_figures_of_a_task(run: itnas.Run, name: str) -> None:
    figure = getattr(run.plot, name)("delay")
    assert len(figure.data) > 0
    assert figure.to_json()
    with pytest.raises(ValueError, match="name a task"):
        getattr(run.plot, name)()


@pytest.mark.parametrize("name", ["emergence", "triangle", "timeline"])
def test_figures_of_a_run(run: itnas.Run, name: str) -> None:
    assert getattr(run.plot, name)().to_json()


def test_genes_are_what_was_asked_for(run: itnas.Run) -> None:
    genes, trials = run.genes("delay"), run.trials("delay")
    proposed = trials[trials["origin"] != "specialist"]
    assert genes.index.tolist() == proposed["number"].tolist()
    gene = str(genes.columns[0])
    assert run.plot.gene(gene, "delay").data
    with pytest.raises(ValueError, match="unknown gene"):
        run.plot.gene("no such gene", "delay")


def test_kernels_that_were_not_kept_are_said_so(run: itnas.Run) -> None:
    with pytest.raises(RunError, match="first: the kernels of trial 0 were not kept; none were"):
        run.plot.kernel(0)
    with pytest.raises(RunError, match="first: no trial 99"):
        run.plot.fidelity(99)


def test_a_triangle_is_of_a_task_that_the_run_has(run: itnas.Run) -> None:
    with pytest.raises(RunError, match="no task 'parity': the run has delay, flip-flop"):
        run.plot.triangle("parity")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> itnas.Run:
    folder = tmp_path_factory.mktemp("runs") / "kept"
    with planting(folder, ["flip-flop"]) as planted:
        for _ in range(2):
            trial = planted.trial("flip-flop")
        planted.examined(trial, ["convolution", "attention"])
        planted.kept(trial)
    return itnas.Run(folder)


def test_stored_kernels(kept: itnas.Run) -> None:
    for figure in (kept.plot.kernel(1), kept.plot.kernel(1, 1, 1, sample=0)):
        assert figure.to_json()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"sample": 7}, r"trial 1 has no kernel of example 7: there are 0, 1"),
        ({"sample": -1}, r"trial 1 has no kernel of example -1: there are 0, 1"),
        ({"head": 5}, r"trial 1 has no kernel of head 5: there are 0, 1"),
        ({"head": -1, "sample": 0}, r"trial 1 has no kernel of head -1: there are 0, 1"),
        ({"layer": 4}, r"trial 1 has no kernel of layer 4: there are 0, 1"),
        ({"trial": 0}, r"the kernels of trial 0 were not kept; those of trials 1 were"),
    ],
)
def test_kernels_that_are_not_there(kept: itnas.Run, asked: dict[str, int], message: str) -> None:
    with pytest.raises(RunError, match=f"kept: {message}"):
        kept.plot.kernel(**{"trial": 1, **asked})


def test_fidelities_that_are_not_there(kept: itnas.Run) -> None:
    with pytest.raises(RunError, match="kept: trial 1 has no fidelity of layer 4: there are none"):
        kept.plot.fidelity(1, 4)


def test_kernels_are_not_looked_for_elsewhere(kept: itnas.Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(kept.folder, folder)
    connection = sqlite3.connect(folder / "run.db")
    with connection:
        connection.execute("UPDATE kept SET path = '../run/kernels/1'")
        connection.execute("INSERT INTO kept VALUES (1, 'search', 'weights', '../victim', 1)")
    connection.close()
    run = itnas.Run(folder)
    for ask in (run.plot.kernel, run.networks, lambda trial: of_run(run, trial=trial)):
        with pytest.raises(RunError, match="inside of the run"):
            ask(1)


def test_what_there_is_can_be_asked(run: itnas.Run) -> None:
    assert all(name in repr(run.plot) for name in (*OF_A_TASK, "kernel", "fidelity"))
    assert isinstance(run.plot, Plots)
