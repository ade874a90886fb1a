"""The process in which the Triton kernels of `fused` run or are compiled.

python -m tests.operator.triton_process MODE NUMBER...: the modes are cpu, cuda and compile, the numbers those of cases.
Triton decides at its import whether to interpret.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

import torch
from torch import Tensor

from tests.operator.fused_cases import CASES, COMPILED, Case, draw, reference

KERNELS = ("forward_kernel", "rows_kernel", "cols_kernel", "table_kernel")


def errors(case: Case, device: str) -> dict[str, float]:
    """Largest relative error of y, lse and every gradient."""
    from itnas.operator.plans import fused_triton

    given = draw(case, device)
    leaves = {
        name: value.detach().double().requires_grad_(name != "positions")
        for name, value in vars(given).items()
        if isinstance(value, Tensor) and value.is_floating_point()
    }
    expected, lse = reference(dataclasses.replace(given, **leaves))
    y, found_lse = fused_triton.forward(given)
    grad = torch.randn_like(y)
    found = fused_triton.backward(given, None, y, found_lse, grad)
    if device == "cuda":
        again = fused_triton.backward(given, None, y, found_lse, grad)
        assert all(torch.equal(found[name], again[name]) for name in found), "gradients are not reproducible"
    wanted = {name: leaf for name, leaf in leaves.items() if name not in ("positions", "hidden", "hidden_bias")}
    assert found.keys() == wanted.keys()
    gradients = torch.autograd.grad(expected, list(wanted.values()), grad.double(), allow_unused=True)
    result = {"y": distance(y, expected), "lse": 0.0 if found_lse is None else distance(found_lse, lse)}
    for (name, leaf), gradient in zip(wanted.items(), gradients, strict=True):
        assert found[name].shape == leaf.shape
        assert found[name].dtype == getattr(given, name).dtype
        result[name] = distance(found[name], torch.zeros_like(leaf) if gradient is None else gradient)
    return result


def distance(found: Tensor, expected: Tensor) -> float:
    if not found.numel():
        return 0.0
    same = found == expected  # infinities
    error = torch.where(same, 0.0, (found.double() - expected).abs()).max().item()
    size = expected.abs().where(expected.isfinite(), 0.0).max().item()
    return error / max(size, 1.0)


class Hopper:
    """What Triton asks of a driver before it compiles."""

    def get_current_target(self) -> Any:
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


def compile_all(case: Case) -> dict[str, dict[str, int]]:
    """Bytes of each stage of each kernel that a case would launch."""
    import triton

    from itnas.operator.plans import fused_triton

    triton.runtime.driver.set_active(Hopper())
    stages: dict[str, dict[str, int]] = {}

    class Compiled:
        def __init__(self, kernel: Any) -> None:
            self.kernel = kernel

        def __getitem__(self, grid: tuple[int]) -> Any:
            def launch(*arguments: Any, **options: Any) -> None:
                made = self.kernel.warmup(*arguments, grid=grid, **options)
                stages[self.kernel.__name__] = {stage: len(made.asm[stage]) for stage in ("ptx", "cubin")}

            return launch

    for name in KERNELS:
        setattr(fused_triton, name, Compiled(getattr(fused_triton, name)))
    given = draw(case)
    y, lse = fused_triton.forward(given)
    fused_triton.backward(given, None, y, lse, torch.zeros_like(y))
    for name in KERNELS:
        setattr(fused_triton, name, getattr(fused_triton, name).kernel)
    return stages


def main(mode: str, *numbers: str) -> None:
    """Print what became of each case, an error as text."""
    torch.set_num_threads(1)
    # Fills fresh memory with NaN: a number that no kernel writes shows.
    torch.use_deterministic_algorithms(True, warn_only=True)
    results: dict[str, Any] = {}
    for number in numbers:
        case = (COMPILED if mode == "compile" else CASES)[int(number)]
        try:
            results[number] = compile_all(case) if mode == "compile" else errors(case, mode)
        except Exception as error:
            results[number] = f"{type(error).__name__}: {error}"
    print(json.dumps(results))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
