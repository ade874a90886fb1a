"""What is left of a sample when a part of it is exchanged for another sample's?"""

from __future__ import annotations

import dataclasses

from itnas.operator.domain import Union
from itnas.registry import check_choice
from itnas.tasks.batch import Batch


def blind(batch: Batch, modality: str) -> Batch:
    """The batch with the points of one modality, and their part of the domain, moved on to the next sample.

    Each modality looks as it always does; only what it says of its sample is lost.
    """
    domain = batch.domain
    if not isinstance(domain, Union):
        raise ValueError("only samples of several modalities can be blinded: the batch's domain is no Union")
    check_choice("modality", modality, domain.names)
    if len(batch) < 2:
        raise ValueError("blinding exchanges parts between samples, but the batch holds one: ask for more")
    number = domain.names.index(modality)
    start = sum(domain.sizes[:number])
    points = slice(start, start + domain.sizes[number])
    inputs = batch.inputs.clone()
    inputs[:, points] = inputs[:, points].roll(1, 0)
    own = {name: part.roll(1, 0) for name, part in domain.per_sample().items() if name.startswith(f"{number}.")}
    return dataclasses.replace(batch, inputs=inputs, domain=domain.with_per_sample(domain.per_sample() | own))
