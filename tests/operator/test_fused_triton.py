"""The Triton engine of the `fused` plan against a dense reference in float64, value and every gradient.

Without a GPU the kernels run in Triton's interpreter, and are compiled for Hopper as far as machine code. Both need a
process of their own: `triton_process`.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.operator.fused_cases import CASES, COMPILED, Case, covering, draw
from tests.operator.triton_process import KERNELS

# Largest error allowed, relative to the largest number of a quantity: some 100 roundings in float32 and float64, and a
# few in half precision, whose results are rounded once more when they are stored.
TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 5e-3, "bfloat16": 4e-2}
ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")


# In the interpreter every case takes a second: of each activation with each link only one is quick, causal or not.
COVERING = len(covering())
SLOW = {number for number in range(COVERING) if (number // 2 + number + number // 8) % 2}
NUMBERS = [pytest.param(number, marks=pytest.mark.slow) if number in SLOW else number for number in range(len(CASES))]
NAMES = [case.name for case in CASES]
# A compilation takes three seconds or more.
COMPILED_NUMBERS = [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow), 3]


def run(mode: str, test: str, factory: pytest.TempPathFactory, session: pytest.Session) -> dict[int, Any]:
    """What became of the cases whose tests were chosen, by their numbers."""
    items = [item for item in session.items if isinstance(item, pytest.Function) and item.originalname == test]
    numbers = sorted({item.callspec.params["number"] for item in items})
    interpret = "1" if mode == "cpu" else "0"
    environment = {**os.environ, "TRITON_CACHE_DIR": str(factory.mktemp("cache")), "TRITON_INTERPRET": interpret}
    command = [sys.executable, "-m", "tests.operator.triton_process", mode, *map(str, numbers)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {int(number): found for number, found in json.loads(done.stdout).items()}


def check(case: Case, found: dict[str, float] | str) -> None:
    assert isinstance(found, dict), found
    assert {name: error for name, error in found.items() if not error <= TOLERANCE[case.dtype]} == {}


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[int, Any]:
    return run("cpu", "test_interpreted_kernels_agree_with_the_reference", tmp_path_factory, request.session)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[int, Any]:
    return run("compile", "test_kernels_compile_for_hopper_without_a_device", tmp_path_factory, request.session)


@pytest.fixture(scope="module")
def on_device(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[int, Any]:
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    return run("cuda", "test_kernels_on_a_device_agree_with_the_reference", tmp_path_factory, request.session)


@pytest.mark.parametrize("number", NUMBERS, ids=NAMES)
def test_interpreted_kernels_agree_with_the_reference(number: int, interpreted: dict[int, Any]) -> None:
    check(CASES[number], interpreted[number])


@pytest.mark.gpu
@pytest.mark.parametrize("number", range(len(CASES)), ids=NAMES)
def test_kernels_on_a_device_agree_with_the_reference(number: int, on_device: dict[int, Any]) -> None:
    check(CASES[number], on_device[number])


@pytest.mark.parametrize("number", COMPILED_NUMBERS, ids=[case.name for case in COMPILED])
def test_kernels_compile_for_hopper_without_a_device(number: int, compiled: dict[int, Any]) -> None:
    stages = compiled[number]
    assert isinstance(stages, dict), stages
    expected = KERNELS if "table" in COMPILED[number].features else KERNELS[:-1]
    assert tuple(stages) == expected
    assert all(size > 0 for kernel in stages.values() for size in kernel.values())


@pytest.mark.parametrize("wrong", [{"activation": "tanh"}, {"link": "exp"}])
def test_unknown_activations_and_links_are_refused(wrong: dict[str, str]) -> None:
    from itnas.operator.plans import fused_triton

    with pytest.raises(ValueError, match=r"the CUDA kernels know the .*, got"):
        fused_triton.forward(dataclasses.replace(draw(Case()), **wrong))
