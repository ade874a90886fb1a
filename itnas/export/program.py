"""A plain network as a program of torch.export, for batches and samples of any size."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from itnas.export.blueprint import AXES, Blueprint
from itnas.export.parity import Comparison

NOISY = ("torch.onnx", "torch.export", "torch.fx", "onnxscript", "onnx_ir", "torch._dynamo")


def captured(comparison: Comparison) -> tuple[ExportedProgram, dict[str, Tensor]]:
    """The program, and the arguments that it was traced with. It is called like the plain network."""
    arguments = comparison.given[0]
    others = {name: part for name, part in arguments.items() if name != "inputs"}
    with silent(), any_length_cells(), torch.no_grad():
        program = torch.export.export(
            comparison.twin,
            (arguments["inputs"],),
            others,
            dynamic_shapes=dynamic_shapes(comparison.blueprint, arguments),
        )
    return program, arguments


def dynamic_shapes(blueprint: Blueprint, arguments: Mapping[str, Tensor]) -> dict[str, dict[int, Any]]:
    """Which axes of each argument may have any size: samples, and points but for the cells of a grid."""
    sizes = {"batch": Dim("batch"), "length": Dim("length")}
    if "shape" in blueprint.domain:
        del sizes["length"]
    return {
        name: {at: sizes[axis] for at, axis in enumerate(AXES.get(name, ())) if axis in sizes and part.shape[at] > 1}
        for name, part in arguments.items()
    }


@contextmanager
def any_length_cells() -> Iterator[None]:
    """Let torch.export keep GRU and LSTM as they are, where it would else unroll them to the length that it sees."""
    with ExitStack() as stack:
        try:
            from torch.export import _patches
        except ImportError:
            yield
            return
        for kind in ("gru", "lstm"):
            kept = getattr(_patches, f"register_{kind}_while_loop_decomposition", None)
            if kept is not None:
                stack.enter_context(kept())
        yield


@contextmanager
def silent() -> Iterator[None]:
    """Without the warnings and progress that are meant for those who write exporters."""
    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
