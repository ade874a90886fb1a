"""Registries: names that are taken or unknown, and what other packages offer, in every process."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from itnas.registry import Registry, check_choice

ROOT = Path(__file__).parent.parent
PACKAGE = {
    "offered.py": """
        from dataclasses import dataclass

        import optuna
        import torch

        from itnas.behaviour.replacements import base as families
        from itnas.operator.plans import Plan
        from itnas.operator.plans.dense import Dense
        from itnas.tasks import Batch, Task
        from itnas.tasks.base import register


        @dataclass(frozen=True)
        class Counting(Task):
            name = "counting"
            summary = "Bits go in, how many are set comes out."
            expects = "Recurrence: a running sum."

            channels = 1
            outputs = 65
            chance = 0.2

            def draw(self, rng, size, length):
                bits = torch.from_numpy(rng.integers(2, size=(size, length, 1)))
                return Batch(bits.float(), bits.cumsum(1)[..., 0].clamp(max=64))


        class Slow(Plan):
            name = "slow"

            def refusal(self, problem):
                return None

            def cost(self, problem):
                return 1e12

            def __call__(self, problem):
                return Dense()(problem)


        @families.register
        class Nothing(families.Replacement):
            family = "nothing at all"

            def kernel(self, scene, budget):
                return scene.view.kernel * 0


        def dice(space, seed, objectives):
            return optuna.samplers.RandomSampler(seed=seed)
    """,
    "offered-1.0.dist-info/METADATA": """
        Metadata-Version: 2.1
        Name: offered
        Version: 1.0
    """,
    "offered-1.0.dist-info/entry_points.txt": """
        [itnas.tasks]
        counting = offered:Counting
        broken = offered:Missing
        [itnas.kernels]
        nearness = tests.models.nearness:NearnessKernel
        [itnas.plans]
        slow = offered:Slow
        misnamed = offered:Counting
        [itnas.families]
        nothing at all = offered:Nothing
        [itnas.samplers]
        dice = offered:dice
    """,
}


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which a package with entry points is installed."""
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text).lstrip())
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    return os.environ | {"PYTHONPATH": paths, "PYTHONWARNINGS": "default"}


def run(code: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)


def test_another_package_offers_tasks_plans_families_and_samplers(installed: dict[str, str]) -> None:
    told = run(
        "import itnas, torch\n"
        "from itnas.behaviour.replacements.base import FAMILIES\n"
        "from itnas.search.samplers import SAMPLERS, sampler_kind\n"
        "task = itnas.task('counting/length=16')\n"
        "assert task.batch(size=2).targets.shape == (2, 16)\n"
        "layer = itnas.IntegralTransform(4, plan='slow')\n"
        "u = torch.randn(2, 8, 4)\n"
        "other = itnas.IntegralTransform(4, plan='dense')\n"
        "other.load_state_dict(layer.state_dict())\n"
        "assert torch.equal(layer(u), other(u))\n"
        "assert 'nothing at all' in FAMILIES\n"
        "assert sampler_kind('dice').make(None, 0, 1)\n"
        "genome = itnas.Genome.from_dict({'layers': [{'kernel': {'kind': 'nearness', 'width': 3}}]})\n"
        "assert itnas.build(genome, 'delay')\n"
        "print('all there')\n",
        installed,
    )
    assert told.stdout == "all there\n", told.stderr
    assert "the task 'broken' of the package offered is left out, since offered:Missing cannot be loaded" in told.stderr
    assert "the plan 'misnamed' of the package offered is left out" in told.stderr


def test_what_a_package_registered_before_it_was_asked_for_is_there_once(installed: dict[str, str]) -> None:
    told = run(
        "import offered\n"
        "from itnas.behaviour.replacements.base import FAMILIES\n"
        "print(list(FAMILIES).count('nothing at all'), len(FAMILIES) > 5)\n",
        installed | {"PYTHONWARNINGS": "error"},
    )
    assert told.stdout == "1 True\n", told.stderr


def test_the_command_line_knows_them(installed: dict[str, str]) -> None:
    code = "import sys; sys.argv = ['itnas', 'tasks', 'counting', '--csv']; from itnas.cli import main; main()"
    told = run(code, installed)
    assert told.returncode == 0, told.stderr
    assert '"counting","Bits go in, how many are set comes out."' in told.stdout
    (sentence,) = told.stderr.splitlines()
    assert sentence.startswith("itnas: the task 'broken' of the package offered is left out, since offered:Missing")


def test_a_name_is_given_once() -> None:
    registry: Registry[int] = Registry("number")
    registry.add("one", 1)
    with pytest.raises(ValueError, match="the number 'one' is registered twice"):
        registry.add("one", 2)
    assert registry["one"] == 1


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"unknown number 'oen': choose from 'one', 'two'; did you mean 'one'\?"):
        check_choice("number", "oen", ["one", "two"])
    with pytest.raises(ValueError, match="unknown number 'one': there is none to choose from"):
        check_choice("number", "one", [])
