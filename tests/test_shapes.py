"""Shape annotations are checked while tests run: also those of modules that others import."""

import importlib

import pytest
import torch
from jaxtyping import TypeCheckError

from itnas.training.loss import losses
from tests.shapes import with_shapes


def test_a_wrong_shape_is_found_out() -> None:
    total = torch.ones(2)
    assert losses(torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), None, total, kind="mse").shape == (2,)
    with pytest.raises(TypeCheckError, match="return value"):
        losses(torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), None, torch.ones(2, 1), kind="mse")


@pytest.mark.parametrize("name", with_shapes())
def test_every_module_that_annotates_shapes_is_checked(name: str) -> None:
    spec = importlib.import_module(name).__spec__
    assert spec is not None
    assert type(spec.loader).__module__ == "jaxtyping._import_hook"
