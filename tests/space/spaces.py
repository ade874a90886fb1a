"""Spaces to test with: small ones at random, and the shipped ones."""

from typing import Any

import yaml
from hypothesis import strategies as st

from itnas.space import Space, shipped

SHIPPED = sorted(shipped())
GENOMES = [name for name in SHIPPED if Space.load(name).only() is not None]  # large ones, in which nothing is chosen
SEARCHED = [name for name in SHIPPED if name not in GENOMES]


def choice(*options: object) -> dict[str, Any]:
    return {"choice": list(options)}


def _some(*options: object) -> st.SearchStrategy[Any]:
    """One of the options, or a choice between several."""
    several = st.lists(st.sampled_from(options), min_size=1, max_size=3, unique=True).map(lambda found: choice(*found))
    return st.sampled_from(options) | several


MLP = st.fixed_dictionaries(
    {"kind": st.just("mlp")},
    optional={
        "features": st.just({"subset": ["offset", "fourier", "product"], "min": 1}) | st.just(["content"]),
        "layers": _some(0, 1, 2) | st.just({"int": [0, 2]}),
        "hidden": _some(4, 8) | st.just({"int": [4, 12], "step": 4}),
        "activation": _some("relu", "silu", "sin"),
        "damped": _some(False, True),
        "shared": _some(False, True),
    },
)
FACTORISED = st.fixed_dictionaries(
    {"kind": st.just("factorised")},
    optional={
        "rank": st.just({"int": [1, 8], "log": True}) | _some(2, 4),
        "layers": _some(0, 1),
        "hidden": _some(4, 8),
        "decay": _some("none", "position"),
    },
)
KERNEL = MLP | FACTORISED | st.tuples(MLP, FACTORISED).map(lambda both: choice(*both))
LAYER = st.fixed_dictionaries(
    {"kernel": KERNEL},
    optional={"heads": _some(1, 2), "value_dim": _some(8, 16), "normaliser": _some("none", "softmax")},
)
DOCUMENTS = st.fixed_dictionaries(
    {"layers": LAYER | st.tuples(LAYER, LAYER).map(list)},
    optional={"width": _some(16, 32), "tied": st.just(False), "training": st.just({"clip": choice(None, 0.5, 1.0)})},
)
SPACES = DOCUMENTS.map(lambda document: Space.parse(yaml.safe_dump(document, sort_keys=False)))


def small(most: int) -> st.SearchStrategy[Space]:
    return SPACES.filter(lambda space: (space.size() or 0) <= most)
