"""docs/genes.md has every setting of a genome, with its default."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from itnas import genes
from itnas.genome import Genome

PAGE = (Path(__file__).parent.parent / "docs" / "genes.md").read_text()
NONE, BELOW = "none", "below"  # it has to be given; it is told of elsewhere on the page
# Tables by their headings; where settings have a prefix, a table holds several models.
MODELS: dict[str, dict[str, type[BaseModel]]] = {
    "`genome`": {"": Genome},
    "`integral`": {"": genes.Integral},
    "`mlp` (a kernel)": {"": genes.MlpKernel},
    "`factorised` (a kernel)": {"": genes.FactorisedKernel},
    "`full`, `window`, `monte_carlo`, `importance` (quadratures)": {
        "full": genes.Full,
        "window": genes.Window,
        "monte_carlo": genes.MonteCarlo,
        "importance": genes.Importance,
    },
    "Other mixers": {
        "attention": genes.Attention,
        "convolution": genes.Convolution,
        "selective-ssm": genes.SelectiveSsm,
        "gated-convolution": genes.GatedConvolution,
    },
    "`channel_mixing`": {"": genes.ChannelMixing},
    "`training`": {"": genes.Training},
}


def told(heading: str) -> dict[str, str]:
    """Defaults by setting, as the page has them."""
    part = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    text = next(each for each in part if each.startswith(heading + "\n"))
    return dict(re.findall(r"^\| `([^`]+)` \| `?([^|`]+?)`? \|", text, flags=re.MULTILINE))


def plain(value: Any) -> Any:
    """A default as the page says it: of a part with settings of its own, its name."""
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, BaseModel):
        return next((getattr(value, name) for name in ("mixer", "kind") if hasattr(value, name)), BELOW)
    return value


@pytest.mark.parametrize("heading", MODELS)
def test_every_setting_is_there_with_its_default(heading: str) -> None:
    found = told(heading)
    expected: dict[str, Any] = {}
    for prefix, model in MODELS[heading].items():
        for name, field in model.model_fields.items():
            if heading == "Other mixers" and name == "mixer":
                continue
            key = f"{prefix}.{name}" if prefix else field.alias or name
            expected[key] = NONE if field.is_required() else plain(field.default)
    assert list(found) == list(expected)
    assert {name: text if text in (NONE, BELOW) else yaml.safe_load(text) for name, text in found.items()} == expected


def test_all_headings_are_compared() -> None:
    assert re.findall(r"^## (.+)$", PAGE, flags=re.MULTILINE) == list(MODELS)
