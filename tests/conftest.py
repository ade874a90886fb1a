"""What all tests share: shape annotations are checked, one thread, seeds, `--draws`, the command line, a sweep."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import is_hypothesis_test, settings

from tests.cli_search.small import SMALL
from tests.shapes import check_shapes
from tests.started import Inside, itnas

if TYPE_CHECKING:
    from tests.sharing import BySetUp

check_shapes()  # before anything of itnas is imported

settings.register_profile("itnas", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("at length", deadline=None, derandomize=False, max_examples=25)
settings.load_profile("itnas")


# Two threads on two busy cores wait for each other more than they compute, at the sizes of tests; so do those of
# processes that tests start.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "Only what is drawn at random (kills, damage, garbage, properties), N times, each time otherwise."
    parser.addoption("--draws", type=int, metavar="N", help=about)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("draws"):
        settings.load_profile("at length")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    draws = metafunc.config.getoption("draws")
    if draws and is_hypothesis_test(metafunc.function) and "draw" not in metafunc.fixturenames:
        metafunc.fixturenames.append("draw")
    if draws and "draw" in metafunc.fixturenames:
        metafunc.parametrize("draw", range(draws))


# Files are given out in this order to processes side by side: the longest last would keep one waiting for another.
LONGEST = "test_tutorial.py"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name != LONGEST)
    if config.getoption("draws"):
        drawn = [item for item in items if isinstance(item, pytest.Function) and "draw" in _parameters(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(drawn)])
        items[:] = drawn


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> BySetUp | None:
    if config.getoption("dist") != "loadfile":
        return None
    from tests.sharing import BySetUp

    return BySetUp(config, log)


def _parameters(item: pytest.Function) -> dict[str, object]:
    return item.callspec.params if hasattr(item, "callspec") else {}


@pytest.fixture
def draw() -> int:
    """The seed of what a test draws at random: 0, but with --draws."""
    return 0


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    """The command line in this process: exit code, stdout and stderr."""
    from itnas.cli import main  # not before its functions can be wrapped

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["itnas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code or 0, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sweep, searched once through the command line."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    done = itnas("search", "emergence", "--run", folder, *SMALL)
    assert done.returncode == 0, done.stderr
    return folder
