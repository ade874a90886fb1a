"""What the shell offers while a value is typed. Nothing here loads torch, and nothing fails: no offer is one too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from itnas.cli import names

DEEPEST = 3  # folders below the one that is looked into
MOST = 5_000  # folders that are looked into


def among(choices: tuple[str, ...]) -> Callable[[str], list[str]]:
    """One of these."""

    def offer(incomplete: str) -> list[str]:
        return [name for name in choices if name.startswith(incomplete)]

    return offer


def several(choices: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Some of these, with commas between."""

    def offer(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        taken = before.split(",")
        return [f"{before}{comma}{name}" for name in choices if name.startswith(last) and name not in taken]

    return offer


def runs(incomplete: str) -> list[str]:
    """Folders of runs: those in `runs/`, or below the folder that has been typed."""
    return _folders(incomplete, "run.db")


def trained(incomplete: str) -> list[str]:
    """What `itnas explain` takes: folders of trainings, runs with a trial whose networks were kept."""
    run, colon, _ = incomplete.partition(":")
    if colon:
        return [f"{run}:{trial}" for trial in _kept(run)]
    return _folders(incomplete, "weights.safetensors") + [f"{run}:" for run in _folders(incomplete, "run.db")]


def exported(incomplete: str) -> list[str]:
    """What `itnas export` takes: runs, trainings, earlier exports."""
    return sorted({*_folders(incomplete, "run.db"), *_folders(incomplete, "weights.safetensors")})


def genomes(incomplete: str) -> list[str]:
    """Specialists, shipped genomes, and files."""
    shipped = [name for name, one in _spaces().items() if one]
    return [*among((*names.SPECIALISTS, *shipped))(incomplete), *_documents(incomplete)]


def spaces(incomplete: str) -> list[str]:
    """Shipped search spaces, and files."""
    return [*among(tuple(_spaces()))(incomplete), *_documents(incomplete)]


def tasks(incomplete: str) -> list[str]:
    """Those of this package and of others."""
    return among((*names.TASKS, *_offered("itnas.tasks")))(incomplete)


def samplers(incomplete: str) -> list[str]:
    """Those of this package and of others."""
    return among((*names.SAMPLERS, *_offered("itnas.samplers")))(incomplete)


def _offered(group: str) -> list[str]:
    """What other packages have; their names are there without loading them."""
    from importlib.metadata import entry_points

    return [point.name for point in entry_points(group=group)]


def tasks_of_run(ctx: Any, incomplete: str) -> list[str]:
    """The tasks of the run that has been typed before; all tasks, where it is none."""
    run = ctx.params.get("run")
    try:
        from itnas.store import RunReader

        known = tuple(RunReader(run).sweep()["settings"]["tasks"])
    except Exception:
        known = names.TASKS
    return among(known)(incomplete)


def _spaces() -> dict[str, bool]:
    """Shipped spaces, and whether each is a single genome: none of its values is a domain."""
    from itnas.shipped import shipped

    domains = ("choice:", "int:", "float:", "subset:")
    found = {name: path.read_text(encoding="utf-8") for name, path in shipped().items()}
    return {name: not any(word in text for word in domains) for name, text in found.items()}


def _documents(incomplete: str) -> list[str]:
    """YAML and JSON files. Where nothing is offered, shells offer all files and folders."""
    start = os.path.dirname(incomplete)
    try:
        there = sorted(path.name for path in Path(start or ".").iterdir())
    except OSError:
        return []
    found = [os.path.join(start, name) for name in there if name.endswith((".yaml", ".yml", ".json"))]
    return [name for name in found if name.startswith(incomplete)]


def _folders(incomplete: str, file: str) -> list[str]:
    """Folders that hold a file of this name."""
    start = os.path.dirname(incomplete) or "runs"
    found = [start] if os.path.isfile(os.path.join(start, file)) else []
    found += [folder for folder in _below(start) if os.path.isfile(os.path.join(folder, file))]
    return [folder for folder in found if folder.startswith(incomplete)]


def _below(start: str) -> Iterator[str]:
    """Folders, the nearest first; not for ever."""
    level, seen = [start], 0
    for _ in range(DEEPEST):
        below: list[str] = []
        for folder in level:
            try:
                below += sorted(
                    entry.path
                    for entry in os.scandir(folder)
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                )
            except OSError:
                continue
            seen += 1
            if seen > MOST:
                return
        yield from below
        level = below


def _kept(run: str) -> list[int]:
    try:
        from itnas.store import RunReader

        return RunReader(run).keeping("weights")
    except Exception:
        return []
