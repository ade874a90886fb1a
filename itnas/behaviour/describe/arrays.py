"""What is known of several replicas' layers in one file of NumPy arrays: descriptions, replaced kernels, evidence."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from itnas.behaviour.describe.description import Description
from itnas.behaviour.describe.replaced import Replaced
from itnas.behaviour.describe.tables import curve_rows, state_rows
from itnas.behaviour.explanation import LayerVerdict


def packed_arrays(
    described: Mapping[int, Sequence[Description]],
    verdicts: Sequence[LayerVerdict] = (),
    replaced: Mapping[int, Sequence[Mapping[str, Replaced]]] | None = None,
    history: Mapping[int, Sequence[Mapping[str, NDArray[Any]]]] | None = None,
) -> bytes:
    """.npz: arrays named `replica.layer.name`, and the numbers as JSON under `about`.

    Of `verdicts` there are fidelities by budget under `curves`, and budgets needed by length under `states`, both JSON
    by `replica.layer`. `replaced`, parallel to `described`, makes arrays `replica.layer.replaced.family`: half
    precision, divided by the `scale` that `about` tells of them. `history`, parallel too, has arrays to be kept as
    they are.
    """
    arrays: dict[str, Any] = {}
    about: dict[str, Any] = {}
    for replica, layers in described.items():
        stand_ins = (replaced or {}).get(replica, [{}] * len(layers))
        before = (history or {}).get(replica, [{}] * len(layers))
        for number, (layer, families, past) in enumerate(zip(layers, stand_ins, before, strict=True)):
            key = f"{replica}.{number}"
            own: dict[str, Any] = layer.arrays() | dict(past)
            if "averaged" in own:
                own["singular"] = np.linalg.svd(np.nan_to_num(own["averaged"]), compute_uv=False)
            told = {}
            for family, found in families.items():
                own[f"replaced.{family}"], scale = _halved(found.kernel)
                told[family] = {"budget": found.budget, "enough": found.enough, "scale": scale}
            about[key] = layer.to_dict() | {"replaced": told}
            arrays |= {f"{key}.{name}": part for name, part in own.items()}
    texts = {"about": about}
    if verdicts:
        texts["curves"] = {f"{each.replica}.{each.layer}": curve_rows(each) for each in verdicts}
        texts["states"] = {f"{each.replica}.{each.layer}": state_rows(each) for each in verdicts}
    content = io.BytesIO()
    arrays |= {name: np.array(json.dumps(text, allow_nan=False)) for name, text in texts.items()}
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _halved(kernel: Tensor) -> tuple[NDArray[np.float16], float]:
    """Entries from -1 to 1, and what they are multiples of: kernels without a normaliser may be of any size."""
    whole = kernel.detach().cpu().nan_to_num(0.0, 0.0, 0.0).numpy()
    scale = float(np.abs(whole).max(initial=0.0)) or 1.0
    return (whole / scale).astype(np.float16), scale
