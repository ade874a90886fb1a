"""The machine itself: Python, processor, memory, disk."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from pathlib import Path

from itnas.allowance import usable_cores
from itnas.doctor.base import Diagnosis, Patient, check
from itnas.shown import size

NEEDED_PYTHON = (3, 11)
TRIAL_BYTES = 1.5e9  # what one trial's process takes, torch included
RAY_BYTES = 0.8e9  # what a local Ray takes for itself
LITTLE_DISK = 1e9
SLOW_COMMIT = 0.05  # seconds; a sweep commits several times for each trial
COMMITS = 8


@check("python")
def python(_patient: Patient) -> Diagnosis:
    found = f"Python {platform.python_version()} on {platform.system()}, {platform.machine()}"
    if tuple(map(int, platform.python_version_tuple()[:2])) < NEEDED_PYTHON:
        return Diagnosis("bad", found, fix=f"install Python {'.'.join(map(str, NEEDED_PYTHON))} or later")
    return Diagnosis("good", found)


@check("processor")
def processor(_patient: Patient) -> Diagnosis:
    cores = usable_cores()
    found = f"{cores} of {os.cpu_count() or cores} cores may be used"
    means = f"{cores} trials at once, a core each; --slots takes fewer"
    return Diagnosis("good" if cores > 1 else "limited", found, means if cores > 1 else "one trial at a time")


@check("memory")
def memory(_patient: Patient) -> Diagnosis:
    import torch

    from itnas.training.memory import free_memory

    free = free_memory(torch.device("cpu"))
    if free is None:
        return Diagnosis("limited", "the system does not say how much is free", "batches are not cut to fit")
    trials = int(max(free - RAY_BYTES, 0) / TRIAL_BYTES)
    found = f"{size(free)} free"
    if trials < 1:
        return Diagnosis("bad", found, "not enough for a trial and Ray", "end other programs, or use --engine inline")
    if trials < usable_cores():
        fix = f"use --slots {trials}, or make room"
        return Diagnosis("limited", found, f"enough for about {trials} trials at once", fix)
    return Diagnosis("good", found, f"enough for about {trials} trials at once")


@check("disk")
def disk(patient: Patient) -> Diagnosis:
    """The folder that runs go to, or the nearest one above it that is there."""
    from itnas.store.connect import RunError, check_file_system

    folder = next(each for each in (patient.folder.resolve(), *patient.folder.resolve().parents) if each.is_dir())
    free = shutil.disk_usage(folder).free
    found = f"{size(free)} free in {patient.folder}"
    try:
        check_file_system(folder)
    except RunError as error:
        return Diagnosis("bad", found, str(error), "give a folder on a local disk with --run")
    try:
        seconds = commit_seconds(folder)
    except OSError as error:
        return Diagnosis("bad", f"{folder} cannot be written ({error.strerror})", fix="give another folder with --run")
    found += f", {1000 * seconds:.1f} ms to write something for good"
    if free < LITTLE_DISK:
        return Diagnosis("limited", found, "kept kernels and weights may not fit", "make room, or keep fewer: --keep")
    if seconds > SLOW_COMMIT:
        return Diagnosis(
            "limited", found, "every trial waits for the disk", "give a folder on a faster disk with --run"
        )
    return Diagnosis("good", found)


def commit_seconds(folder: Path) -> float:
    """How long it takes until a few bytes are on the disk."""
    with tempfile.TemporaryFile(dir=folder) as file:
        started = time.perf_counter()
        for _ in range(COMMITS):
            file.write(b"itnas")
            file.flush()
            os.fsync(file.fileno())
        return (time.perf_counter() - started) / COMMITS
