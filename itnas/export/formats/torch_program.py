"""`--format torch`: a program of torch.export, for batches and samples of any size."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule

from itnas.export.elsewhere import answered
from itnas.export.formats.base import Format, register
from itnas.export.parity import compared
from itnas.export.program import captured, silent
from itnas.export.source import Source

LIMIT = 1e-5
RUN = """
program = torch.export.load(sys.argv[1]).module()
with torch.no_grad():
    found = [program(each.pop("inputs"), **each) for each in given]
"""


@register
class TorchProgram(Format):
    name = "torch"
    summary = "a program that torch.export.load opens, without this package and without any Python code"
    suffixes = ("pt2",)

    def write(self, source: Source, target: Path) -> dict[str, Any]:
        comparison = compared(source)
        program, _ = captured(comparison)
        target.write_bytes(saved(program))
        found = answered(RUN, target, comparison.given)
        return {**comparison.told, "largest_difference": comparison.close(found, LIMIT)}


def saved(program: ExportedProgram) -> bytes:
    """The file, without the samples that the program was traced with and the paths of the code it came from."""
    for module in program.graph_module.modules():
        if isinstance(module, GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    program.example_inputs = None
    buffer = BytesIO()
    with silent():
        torch.export.save(program, buffer)
    return buffer.getvalue()
