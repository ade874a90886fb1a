"""Blinding one modality of a batch moves its points, and their padding, on to the next sample."""

import pytest
import torch

from itnas.operator.domain import Sequence, Union
from itnas.tasks import Batch, find
from itnas.tasks.blind import blind

MIXED = ["entailment", "shape-questions", "image-pairs"]


def tensors(batch: Batch) -> list[tuple[torch.Tensor, ...]]:
    """Of each modality its points and what its domain holds of each sample."""
    assert isinstance(batch.domain, Union)
    parts = batch.inputs.split(list(batch.domain.sizes), 1)
    return [(points, *part.per_sample().values()) for points, part in zip(parts, batch.domain.parts, strict=True)]


@pytest.mark.parametrize("name", MIXED)
def test_one_modality_moves_on_by_a_sample_and_the_others_stay(name: str) -> None:
    batch = find(name).batch("validation", size=6)
    before = tensors(batch)
    for number, modality in enumerate(find(name).modalities):
        blinded = blind(batch, modality.name)
        assert torch.equal(blinded.targets, batch.targets)
        for other, (old, new) in enumerate(zip(before, tensors(blinded), strict=True)):
            for one, two in zip(old, new, strict=True):
                assert torch.equal(one.roll(1, 0) if other == number else one, two)
        assert not torch.equal(blinded.inputs, batch.inputs)
    assert all(
        torch.equal(*pair)
        for old, new in zip(before, tensors(batch), strict=True)
        for pair in zip(old, new, strict=True)
    )


def test_padding_that_all_samples_share_stays() -> None:
    valid = torch.tensor([True, False])
    domain = Union([Sequence(valid=valid), Sequence()], (2, 1), ("a", "b"))
    batch = Batch(torch.arange(6.0).reshape(2, 3, 1), torch.tensor([0, 1]), domain=domain)
    blinded = blind(batch, "a")
    assert blinded.inputs[..., 0].tolist() == [[3, 4, 2], [0, 1, 5]]
    assert blinded.domain is not None
    geometry = blinded.domain.geometry(2, 3, torch.device("cpu"))
    assert geometry.valid is not None
    assert geometry.valid.tolist() == [[True, False, True]]


def test_what_cannot_be_blinded_is_refused() -> None:
    with pytest.raises(ValueError, match="the batch's domain is no Union"):
        blind(find("sentiment").batch(size=2), "text")
    with pytest.raises(ValueError, match="premise"):
        blind(find("entailment").batch(size=2), "premises")
    with pytest.raises(ValueError, match="the batch holds one: ask for more"):
        blind(find("entailment").batch(size=1), "premise")
