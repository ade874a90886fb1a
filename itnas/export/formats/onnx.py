"""`--format onnx`: a graph that onnxruntime runs, for batches and samples of any size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from itnas.export.blueprint import AXES
from itnas.export.formats.base import Format, register
from itnas.export.parity import compared
from itnas.export.program import any_length_cells, captured, silent
from itnas.export.source import Source

LIMIT = 1e-4
OPSET = 20  # the one that torch translates to; later ones are conversions of it
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
LARGEST = 2**31 - 2**20  # bytes; protobuf holds no more, and names need some
OUTPUT = "outputs"


@register
class Onnx(Format):
    name = "onnx"
    summary = "a file that onnxruntime runs, without this package and without torch"
    suffixes = ("onnx",)

    def write(self, source: Source, target: Path) -> dict[str, Any]:
        check_packages()
        comparison = compared(source)
        program, arguments = captured(comparison)
        model = translated(program)
        tidy(model, arguments)
        import_module("onnx").checker.check_model(model)
        target.write_bytes(model.SerializeToString(deterministic=True))
        found = answers(target, comparison.given)
        opset = {each.domain or "ai.onnx": each.version for each in model.opset_import}
        return {**comparison.told, "largest_difference": comparison.close(found, LIMIT), "opset": opset}


def check_packages() -> None:
    """Name what is missing, and what installs it."""
    for package in PACKAGES:
        try:
            import_module(package)
        except ModuleNotFoundError as error:
            raise ValueError(
                f"the format onnx needs the package {error.name}: install it with pip install 'itnas[export]'"
            ) from error


def translated(program: ExportedProgram) -> Any:
    """The ModelProto of a program, weights inside."""
    size = sum(part.numel() * part.element_size() for part in program.state_dict.values())
    if size > LARGEST:
        raise ValueError(f"{size:,} bytes of weights are more than one ONNX file holds: export with --format torch")
    # Captured a second time on the way, cells of any length would become cells of this one.
    with silent(), any_length_cells():
        found = torch.onnx.export(program, (), dynamo=True, opset_version=OPSET, verbose=False)
    assert found is not None
    return found.model_proto


def tidy(model: Any, arguments: Mapping[str, Tensor]) -> None:
    """Plain names for what goes in and comes out, and nothing that tells of the machine it was made on."""
    names = _axis_names(model.graph.input, arguments)
    del model.graph.value_info[:]
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = [OUTPUT if name == output.name else name for name in node.output]
        node.input[:] = [OUTPUT if name == output.name else name for name in node.input]
    output.name = OUTPUT
    for value in (*model.graph.input, output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.HasField("dim_param"):
                axis.dim_param = names.get(axis.dim_param, axis.dim_param)
    for told in _everything(model):
        for field in ("doc_string", "metadata_props"):
            if field in told.DESCRIPTOR.fields_by_name:
                told.ClearField(field)


def _axis_names(inputs: Sequence[Any], arguments: Mapping[str, Tensor]) -> dict[str, str]:
    """From the tracer's symbols to the names of axes."""
    names = {}
    for value in inputs:
        for axis, name in zip(value.type.tensor_type.shape.dim, AXES.get(value.name, ()), strict=False):
            if axis.HasField("dim_param"):
                names[axis.dim_param] = name
    assert {value.name for value in inputs} == set(arguments)
    return names


def _everything(message: Any) -> list[Any]:
    """A protobuf message and all messages inside."""
    found = [message]
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                found += _everything(part)
    return found


def answers(path: Path, given: Sequence[Mapping[str, Tensor]]) -> list[Tensor]:
    """What onnxruntime says."""
    runtime = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return [
        torch.from_numpy(session.run([OUTPUT], {name: part.numpy() for name, part in each.items()})[0])
        for each in given
    ]
