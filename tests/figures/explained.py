"""An explanation of layers that nobody trained, with everything that tables can hold."""

import math
from typing import Any

import numpy as np
import pandas as pd

from itnas.figures.explanation import Explained, Kernels, prepare

CURVES = [
    ("convolution", True, 1, 0.4, 1),
    ("convolution", True, 2, 0.97, 2),
    ("recurrence", True, 0, 0.0, None),
    ("recurrence", True, 1, 0.3, None),
    ("attention", False, 1, -3.0, None),
    ("dense", False, 1, math.nan, None),
]


def row(head: int | None, **changed: Any) -> dict[str, Any]:
    """A row of `Explanation.rows()`, as far as a page needs it."""
    made = {
        "replica": 0,
        "layer": 0,
        "name": "blocks.0.mixer",
        "kind": "integral",
        "head": head,
        "family": "convolution",
        "share": 1.0 if head is None else 0.25,
        "fidelity_low": 0.961,
        "fidelity_high": 0.979,
        "fidelity_convolution": 0.97,
        "support": 2,
        "growth_support": 0.0,
        "growth_state": 0.41,
        "emerged": head is None,
        "imposed": None if head is not None else False,
        "sentence": "Layer 1 became a convolution with 2 taps.",
    }
    return made | changed


def kernels(heads: int = 2, *, channels: bool = False, shared: bool = True) -> Kernels:
    averaged = np.linspace(-1, 0.5, heads * 16).reshape(heads, 4, 4)
    examples = np.stack([averaged * scale for scale in (1, 2, 3, 4)])
    return Kernels(averaged if shared else None, examples, np.arange(4.0), 32, channels)


def explained(
    layers: int = 1,
    heads: int = 2,
    *,
    replicas: int = 1,
    states: tuple[int | None, ...] = (1, 2, None),
    curves: bool = True,
    **changed: Any,
) -> Explained:
    """Replicas of a network; `changed`: what its layers' rows hold instead."""
    rows = [
        row(head, replica=replica, layer=layer, **(changed if head is None else {}))
        for replica in range(replicas)
        for layer in range(layers)
        for head in (None, *range(heads))
    ]
    starts = [number for number, each in enumerate(rows) if each["head"] is None]
    points = [
        (start, family, budgeted, budget, value, value - 0.1, value + 0.1, 2 if family == "convolution" else None)
        for start in starts
        for family, budgeted, budget, value, _ in CURVES
        if curves
    ]
    names = ["layer", "family", "budgeted", "budget", "value", "low", "high", "needed"]
    needs = [
        (start, family, 16 * 2**place, need)
        for start in starts
        for family, found in (("recurrence", states), ("local", (9,) * len(states)))
        for place, need in enumerate(found)
    ]
    return prepare(
        rows,
        pd.DataFrame(points, columns=names).astype({"needed": "Int64"}).assign(summary="something"),
        pd.DataFrame(needs, columns=["layer", "family", "length", "needed"]).astype({"needed": "Int64"}),
        [kernels(heads)] * len(starts),
        title="recall: what the layers became",
        enough=0.95,
        said=["At 16, 32, 64 points."],
        said_of={replica: [f"The score of {replica}."] for replica in range(replicas)},
    )
