"""Samples that lie on disk, trained on by several processes."""

import shutil
from pathlib import Path

import pytest
import torch

from itnas import genes
from itnas.genome import Genome
from itnas.tasks import find
from itnas.training import Budget, Population, Setup, device_group, recipe, train_recipe
from tests.tasks.published.miniatures import SMALL, write_modelnet

NAMES = [f"{SMALL['imagenet-1k']},mixup=0.8,smoothing=0.1", SMALL["glue/cola"], f"{SMALL['modelnet40']},rotate=so3"]


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("name", NAMES)
def test_two_processes_that_read_their_own_files_equal_one_that_reads_all(name: str) -> None:
    kernel = genes.MlpKernel(features=("content", "product"))
    genome = Genome(width=8, depth=1, layers=(genes.Integral(kernel=kernel),))
    what = recipe(genome, find(name), replicas=1, budget=Budget(3), batch_size=6)
    with device_group(what, Setup(workers=int("cola" in name)), 2) as own:
        pair = train_recipe(what, setup=own).training.population
    halves: Population = train_recipe(what, setup=Setup(parts=2)).training.population
    assert torch.equal(pair.stack.flat, halves.stack.flat)


def test_data_workers_look_where_the_process_looks_by_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that they are forked from was started when ITNAS_DATA named another folder."""
    task = find(SMALL["modelnet40"])
    for place in ("one", "other"):
        write_modelnet(tmp_path / place)
        monkeypatch.setenv("ITNAS_DATA", str(tmp_path / place))
        population = Population(Genome(width=8, depth=1), task, [0], batch_size=2, setup=Setup(workers=1))
        try:
            assert population.batch(0).inputs.shape[1] == 2
        finally:
            population.close()
        shutil.rmtree(tmp_path / place)
