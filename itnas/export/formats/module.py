"""`--format module`: one readable Python file that needs torch alone, and its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from itnas.export.concatenate import Import, concatenated
from itnas.export.documents import WEIGHTS
from itnas.export.elsewhere import answered
from itnas.export.formats.base import Format, register
from itnas.export.header import demonstration, header
from itnas.export.parity import Comparison, compared
from itnas.export.pieces import named
from itnas.export.rendered import rendered
from itnas.export.source import Source
from itnas.training.checkpoint import as_safetensors

MODULE = "model.py"
LIMIT = 1e-6  # of the difference in float64
LIMIT_FLOAT32 = 1e-5
IMPORTS: tuple[Import, ...] = (("pathlib", "Path", "Path"), ("torch", None, "torch"))
RUN = """
import runpy
network = runpy.run_path(sys.argv[1] + "/model.py")["load"]()
doubled = [{name: part.double() if part.is_floating_point() else part for name, part in each.items()} for each in given]
with torch.no_grad():
    found = [network(**each) for each in given]
    network.double()
    found += [network(**each) for each in doubled]
"""


@register
class Module(Format):
    name = "module"
    summary = "a folder with one readable Python file that needs torch alone, and the weights as safetensors"

    def write(self, source: Source, target: Path) -> dict[str, Any]:
        comparison = compared(source)
        text = source_text(source, comparison)
        compile(text, MODULE, "exec")
        (target / MODULE).write_text(text, encoding="utf-8")
        (target / WEIGHTS).write_bytes(weights(comparison))
        found = answered(RUN, target, comparison.given)
        half = len(found) // 2
        return {
            **comparison.told,
            "largest_difference": comparison.exactly(found[half:], LIMIT),
            "largest_difference_float32": comparison.close(found[:half], LIMIT_FLOAT32),
        }


def source_text(source: Source, comparison: Comparison) -> str:
    """The file: what it is, the pieces that this network needs, and how they are put together."""
    spec = comparison.blueprint.spec
    kind = spec["piece"]
    last = f'''
def build() -> {kind}:
    """The network, its weights still to be loaded."""
    return {rendered(spec, indent=4, before=len("return "))}


def load(folder: str | Path | None = None) -> {kind}:
    """The trained network in evaluation mode; its weights lie beside this file, unless a folder is named."""
    network = build()
    home = Path(__file__).parent if folder is None else Path(folder)
    network.load_state_dict(read_safetensors(home / "{WEIGHTS}"))
    return network.eval()


if __name__ == "__main__":
{demonstration(source.task, comparison.given[0])}
'''
    return f"{header(source, comparison)}\n\n{concatenated(named(spec), IMPORTS, last)}"


def weights(comparison: Comparison) -> bytes:
    return as_safetensors(comparison.twin.state_dict(), {"format": "pt"})
