"""`run.plot`: the figures of a run without a dashboard."""

import pytest

import itnas
from itnas.plots import Plots
from itnas.search.sweep import Means, Sweep
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
    with pytest.raises(ValueError, match="were not kept"):
        run.plot.kernel(0)


def test_what_there_is_can_be_asked(run: itnas.Run) -> None:
    assert all(name in repr(run.plot) for name in (*OF_A_TASK, "kernel", "fidelity"))
    assert isinstance(run.plot, Plots)
