"""Shape annotations are checked while the tests run: jaxtyping and beartype wrap every function as it is imported."""

import os
import pkgutil

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

import itnas

# Compiled by numba or Triton from their source: nothing may wrap them.
COMPILED = ("_numba", "_triton", "_triton_kernels")


def _checked_modules() -> list[str]:
    found = [module.name for module in pkgutil.walk_packages(itnas.__path__, "itnas.", onerror=lambda _: None)]
    leaves = [name for name in found if not any(other.startswith(name + ".") for other in found)]
    return [name for name in leaves if not name.endswith(COMPILED) and not name.endswith("__main__")]


install_import_hook(_checked_modules(), "beartype.beartype")

settings.register_profile("itnas", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("itnas")


# Two threads on two busy cores wait for each other more than they compute, at the sizes of tests; so do those of
# processes that tests start.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
