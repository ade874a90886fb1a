"""What computes: torch, devices, and the compiled kernels that make the operator fast."""

from __future__ import annotations

import time
from pathlib import Path

from itnas.doctor.base import Diagnosis, Patient, check
from itnas.shown import size

AGREE = 1e-4  # relative, in float32
SAMPLES, POINTS, WIDTH, HEADS = 8, 64, 32, 2


@check("torch")
def torch_build(_patient: Patient) -> Diagnosis:
    import torch

    built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for the CPU"
    found = f"torch {torch.__version__} {built}, {torch.get_num_threads()} threads"
    if torch.version.cuda is None and Path("/dev/nvidia0").exists():
        return Diagnosis(
            "limited", found, "there is an NVIDIA GPU that this torch cannot use", "install a torch built for CUDA"
        )
    return Diagnosis("good", found)


@check("devices")
def devices(_patient: Patient) -> Diagnosis:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        return Diagnosis("good", "no CUDA device", "trials run on the CPU")
    about = [torch.cuda.get_device_properties(number) for number in range(count)]
    told = ", ".join(f"{each.name} ({size(each.total_memory)})" for each in about)
    return Diagnosis(
        "good", told, "--slots puts several trials on a device; --devices-per-trial several devices to one"
    )


@check("compiled kernels")
def kernels(_patient: Patient) -> Diagnosis:
    """numba's fused kernel against the readable reference: the same numbers, and sooner."""
    import numba
    import torch

    from itnas.operator import IntegralTransform, MLPKernel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = IntegralTransform(WIDTH, heads=HEADS, kernel=MLPKernel(hidden=16), causal=True)
        u = torch.randn(SAMPLES, POINTS, WIDTH)
    found, seconds = {}, {}
    for plan in ("dense", "fused"):
        layer.plan = plan
        layer(u).sum().backward()  # compiled, or read from the cache
        started = time.perf_counter()
        for _ in range(3):
            found[plan] = layer(u)
            found[plan].sum().backward()
        seconds[plan] = (time.perf_counter() - started) / 3
    error = float((found["fused"] - found["dense"]).detach().abs().max() / found["dense"].detach().abs().max())
    told = f"numba {numba.__version__}, {seconds['dense'] / seconds['fused']:.1f} times as fast as without"
    if error > AGREE:
        fix = "tell us: this is a fault of itnas or of numba; until then use plan='dense'"
        return Diagnosis("bad", told, f"and wrong by {error:.0e}", fix)
    return Diagnosis("good", told)
