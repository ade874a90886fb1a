"""Where the seconds of `make demo` go: `python -m benchmarks.demo`.

`demo_wall` runs the demo's two commands as a user would, and reads from the run what happened when. `demo_work` runs
the same sweep in this process, one trial after another, with a stopwatch around each kind of work. `demo_start` is what
a process does before it has trained anything.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from itnas.run import Run
from itnas.search.driver import Driver
from itnas.search.entry import run_search
from itnas.search.proposer import Proposer
from itnas.search.record import Recorder
from itnas.search.watcher import Watcher
from itnas.training.optimiser import StackedAdamW
from itnas.training.population import Population
from itnas.training.stack import Stack

from .search import DEMO_SPACE, DEMO_TASKS, itnas, timed
from .sections import Section, command, run_sections

RESULTS = Path(__file__).parent / "results" / "demo.json"
QUICK: dict[str, Any] = {"steps": 20}
# What counts as which work. Of work within work only the inner counts.
KINDS: dict[str, list[tuple[type, tuple[str, ...]]]] = {
    "forward passes": [(Stack, ("__call__",))],
    "backward passes": [(Population, ("gradient",))],
    "clipping and AdamW": [(StackedAdamW, ("rates", "clipped", "update"))],
    "making data": [(Population, ("batch",))],
    "validation and test scores": [(Population, ("scores",))],
    "verdicts and stored kernels": [(Watcher, ("verdicts", "watch"))],
    "building networks": [(Population, ("__init__",))],
    "proposals and pruning": [(Proposer, ("propose", "report", "tell"))],
    "the store": [(Recorder, ("propose", "attempt", "rung", "prune", "complete", "confirm", "begin_confirmation"))],
    "the driver, the rest": [(Driver, ("next_job", "take"))],
}


def demo_wall(quick: bool) -> list[dict[str, Any]]:
    """Wall seconds of the two commands, cut where something else begins."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        tasks = [part for task in DEMO_TASKS for part in ("--task", task)]
        short = ["--steps", str(QUICK["steps"])] if quick else []
        begun = time.time()
        searching, _ = timed(itnas("search", DEMO_SPACE, "--profile", "demo", "--run", str(run), *tasks, *short))
        reporting, _ = timed(itnas("report", str(run)))
        trials, confirmed = Run(run).trials(), Run(run).confirmations()
    searched = trials["finished"].max()
    last = max(searched, confirmed["finished"].max())
    spent = {
        "imports and the start of Ray, until the first trial": trials["started"].min() - begun,
        "trials": searched - trials["started"].min(),
        "confirmation on fresh seeds, with verdicts": last - searched,
        "findings, the end of Ray": begun + searching - last,
        "the report": reporting,
    }
    return _shares(spent)


def demo_work(quick: bool) -> list[dict[str, Any]]:
    """Seconds of each kind of work, of a sweep on one core."""
    with tempfile.TemporaryDirectory() as folder, _stopwatches() as spent:
        begun = time.perf_counter()
        run_search(
            DEMO_SPACE,
            list(DEMO_TASKS),
            run=Path(folder) / "run",
            profile="demo",
            engine="inline",
            **(QUICK if quick else {}),
        )
        whole = time.perf_counter() - begun
    return _shares(spent | {"everything else": whole - sum(spent.values())})


def _shares(spent: dict[str, float]) -> list[dict[str, Any]]:
    whole = sum(spent.values())
    rows = [{"what": what, "seconds": seconds, "share": f"{seconds / whole:.1%}"} for what, seconds in spent.items()]
    return [*rows, {"what": "all", "seconds": whole, "share": "100%"}]


@contextmanager
def _stopwatches() -> Iterator[dict[str, float]]:
    """Seconds by kind of work, while this lasts."""
    spent = dict.fromkeys(KINDS, 0.0)
    inner = [0.0]  # what was spent in watched calls within each that is going on
    before = [(kind, name, getattr(kind, name)) for pairs in KINDS.values() for kind, names in pairs for name in names]

    def watched(what: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            inner.append(0.0)
            begun = time.perf_counter()
            try:
                return run(*args, **kwargs)
            finally:
                took = time.perf_counter() - begun
                spent[what] += took - inner.pop()
                inner[-1] += took

        return call

    for what, pairs in KINDS.items():
        for kind, names in pairs:
            for name in names:
                setattr(kind, name, watched(what, getattr(kind, name)))
    try:
        yield spent
    finally:
        for kind, name, run in before:
            setattr(kind, name, run)


FIRST_STEP = """
import json, time
begun = time.process_time()
from itnas.genome import Genome
from itnas.tasks import find
from itnas.training import Population
imported = time.process_time()
population = Population(Genome(), find("recall"), (0,))
population.step(0, 0.5)
first = time.process_time()
population.step(1, 0.5)
print(json.dumps([imported - begun, first - imported, time.process_time() - first]))
"""


def demo_start(quick: bool) -> list[dict[str, Any]]:
    """CPU seconds of a process that trains a learned kernel for the first time: on a machine where none ever was, and
    on one that has kept the compiled code."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for compiled in ("not yet", "kept")[: 1 if quick else 2]:
            process = subprocess.run(
                [sys.executable, "-c", FIRST_STEP],
                env=os.environ | {"NUMBA_CACHE_DIR": folder, "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=True,
            )
            imports, first, second = json.loads(process.stdout)
            row = {"compiled code": compiled, "imports s": imports, "first step s": first, "second step s": second}
            rows.append(row)
    return rows


STEPS = """
import json, resource, statistics, sys, time
from itnas.genome import Genome
from itnas.models import specialist
from itnas.tasks import find
from itnas.training import Budget, Training, recipe
genome, task, steps, keep = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "kept"
if not keep:
    import itnas.training.trainer
    itnas.training.trainer.keep_freed = lambda: None
genome = Genome() if genome == "default genome" else specialist(genome)
population = Training(recipe(genome, find(task), replicas=2, budget=Budget(steps))).population
seconds = []
for step in range(steps + 3):
    faults, start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.process_time()
    population.step(step, 0.5)
    seconds.append((time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults))
times, faults = zip(*seconds[3:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
print(json.dumps([1e3 * statistics.median(times), statistics.median(faults), peak]))
"""


def demo_memory(quick: bool) -> list[dict[str, Any]]:
    """CPU milliseconds of a training step where freed memory is kept, and where the system gets it back; the page
    faults of a step, and the most MB that the process ever had."""
    rows = []
    cases = [("default genome", "recall"), ("default genome", "bytes"), ("gru", "recall"), ("transformer", "digits")]
    for genome, task in cases[: 1 if quick else None]:
        found: dict[str, list[list[float]]] = {"handed back": [], "kept": []}
        for _ in range(1 if quick else 3):
            for name, runs in found.items():
                words = [sys.executable, "-c", STEPS, genome, task, "3" if quick else "40", name]
                environment = os.environ | {"OMP_NUM_THREADS": "1"}
                process = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
                runs.append(json.loads(process.stdout))
        before, after = (statistics.median(run[0] for run in runs) for runs in found.values())
        row: dict[str, Any] = {"genome": genome, "task": task, "ms handed back": before, "ms kept": after}
        row["ratio"] = before / after
        for position, title in ((1, "faults"), (2, "peak MB")):
            for name, runs in found.items():
                row[f"{title} {name}"] = round(statistics.median(run[position] for run in runs))
        rows.append(row)
    return rows


SECTIONS: dict[str, Section] = {
    "demo_start": demo_start,
    "demo_wall": demo_wall,
    "demo_work": demo_work,
    "demo_memory": demo_memory,
}


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections and return {section: rows}."""
    return run_sections(SECTIONS, only=only, quick=quick, quiet=quiet)


if __name__ == "__main__":
    command(SECTIONS, RESULTS, "Where the seconds of the demo go.")
