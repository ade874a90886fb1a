"""The search against its peers: samplers on a table of trained genomes, overhead, ten thousand trials, a whole sweep.

`python -m benchmarks.search SECTION ...` runs sections and renews them in `benchmarks/results/search.json`; what is
measured against Ray Tune runs in a process of its own, and both sides take turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .peers import noop
from .sections import Section, command, run_sections
from .table import compare
from .table import variants as others

RESULTS = Path(__file__).parent / "results" / "search.json"
DEMO_SPACE, DEMO_TASKS = "emergence", ("recall/pairs=4,vocab=16", "local-pattern", "flip-flop")


def genomes(_quick: bool) -> list[dict[str, Any]]:
    """What is in the table that samplers are compared on."""
    return compare.summary()


def _compared(chosen: Callable[[compare.Entrant], bool]) -> Section:
    def section(quick: bool) -> list[dict[str, Any]]:
        those = [each for each in compare.entrants() if each.name == compare.UNIFORM or chosen(each)]
        return compare.compare(those, seeds=2 if quick else compare.SEEDS, trials=20 if quick else compare.TRIALS)

    return section


def variants(quick: bool) -> list[dict[str, Any]]:
    """Other settings of the samplers, and a Gaussian process."""
    names = list(others.VARIANTS)
    return others.measured(names[:2], seeds=2, trials=20) if quick else others.measured(names)


def overhead(quick: bool) -> list[dict[str, Any]]:
    """Wall seconds from one trial's end to the next, two at a time; of the inline executor, one at a time."""
    found: dict[str, list[tuple[float, ...]]] = {"ray": [], "function": [], "inline": []}
    for _ in range(1 if quick else 3):
        for kind, trials in (("ray", 60), ("function", 6 if quick else 12), ("inline", 400)):
            marks = noop.measure(kind, trials)["marks"]
            found[kind].append(_per_trial(marks))
    medians = {kind: [statistics.median(column) for column in zip(*rows, strict=True)] for kind, rows in found.items()}
    names = {"ray": "Ray executor", "function": "Ray Tune, function trainable", "inline": "inline executor"}
    return [
        {
            "what": names[kind],
            "ms a trial": 1e3 * wall,
            "CPU ms, without the ask": 1e3 * (cpu - ask),
            "CPU ms of the ask": 1e3 * ask,
            "function / this": medians["function"][0] / wall,
        }
        for kind, (wall, cpu, ask) in medians.items()
    ]


def many(quick: bool) -> list[dict[str, Any]]:
    """Ten thousand trials that do nothing, through the Ray executor and through a bare Tuner."""
    trials = 400 if quick else 10_000
    bare, own = (noop.measure(kind, trials) for kind in ("bare", "ray"))
    rows = []
    for first, last in _windows(trials):
        (wall, cpu, ask), (bare_wall, bare_cpu, _) = (
            _per_trial([mark for mark in each["marks"] if first <= mark[0] <= last]) for each in (own, bare)
        )
        rows.append(
            {
                "trials": f"{first:,} to {last:,}",
                "CPU ms, without the ask": 1e3 * (cpu - ask),
                "bare Tuner, CPU ms": 1e3 * bare_cpu,
                "ours / bare": (cpu - ask) / bare_cpu,
                "CPU ms of the ask": 1e3 * ask,
                "wall ms": 1e3 * wall,
                "bare Tuner, wall ms": 1e3 * bare_wall,
            }
        )
    rows[-1] |= {"driver MB": own["memory"], "bare Tuner, MB": bare["memory"]}
    return rows


def _windows(trials: int) -> list[tuple[int, int]]:
    tenth = trials // 10
    return [(tenth // 4, tenth), (trials - tenth, trials), (tenth // 4, trials)]


def _per_trial(marks: list[list[float]]) -> tuple[float, ...]:
    """Wall, CPU and asking seconds per trial between the first and the last mark."""
    count = marks[-1][0] - marks[0][0]
    return tuple((last - first) / count for first, last in zip(marks[0][1:], marks[-1][1:], strict=True))


def demo(quick: bool) -> list[dict[str, Any]]:
    """The demo sweep, verdicts and confirmation included, and the same trials in plain Ray Tune with OptunaSearch: with
    layers as itnas computes them, and with the same functions as one would write them in torch."""
    from itnas.run import Run
    from itnas.search.profiles import profile
    from itnas.search.settings import SweepSettings
    from itnas.store import RunReader

    tasks = DEMO_TASKS[: 1 if quick else None]
    settings = SweepSettings.from_dict(profile("demo") | {"tasks": list(tasks)} | ({"steps": 20} if quick else {}))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        asked = ["--run", str(run), *(part for task in tasks for part in ("--task", task))]
        short = ["--steps", "20"] if quick else []
        own, _ = timed(itnas("search", DEMO_SPACE, "--profile", "demo", "--quiet", *asked, *short))
        trials = Run(run).trials()
        rows: list[dict[str, Any]] = [
            {"what": "itnas search --profile demo", "seconds": own, "trials": len(trials)}
            | {"rungs": int(trials["rung"].sum()), "failed": int((trials["state"] == "failed").sum())}
        ]
        given = settings.to_dict() | {
            "space": DEMO_SPACE,
            "slots": os.cpu_count() or 1,
            "points": {task: _points(RunReader(run), task) for task in tasks},
        }
        for plan, name in (("auto", "layers of itnas"), ("dense", "layers in torch")):
            told_to = Path(folder) / "settings.json"
            told_to.write_text(json.dumps(given | {"plan": plan}))
            peer, said = timed([sys.executable, "-m", "benchmarks.peers.ray_optuna", str(told_to)])
            told = json.loads(said.splitlines()[-1])
            rows.append(
                {"what": f"plain Ray Tune + OptunaSearch, {name}", "seconds": peer, "trials": told["trials"]}
                | {"rungs": told["rungs"], "failed": told["errors"], "peer / ours": peer / own}
            )
    return rows


def _points(reader: Any, task: str) -> list[dict[str, Any]]:
    """The assignments that the sweep tried on a task, in their order."""
    asked = [row for row in reader.events() if row["kind"] == "ask" and row["task"] == task]
    tried = [row["data"] for row in asked if row["trial"] is not None and "infeasible" not in row["data"]]
    return [data["parameters"] for data in tried if data["origin"] != "specialist"]


def itnas(*arguments: str) -> list[str]:
    """A command of this environment's itnas."""
    return [str(Path(sys.executable).with_name("itnas")), *arguments]


def timed(command: list[str]) -> tuple[float, str]:
    """Wall seconds of a command that must succeed, and what it printed."""
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - begun, done.stdout


SECTIONS: dict[str, Section] = {
    "genomes": genomes,
    "table": _compared(lambda each: each.in_flight == 1 and each.random_share in (0.2, "")),
    "without_random_arm": _compared(lambda each: each.random_share == 0.0),
    "four_at_a_time": _compared(lambda each: each.in_flight == 4),
    "variants": variants,
    "overhead": overhead,
    "many": many,
    "demo": demo,
}


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections and return {section: rows}."""
    return run_sections(SECTIONS, only=only, quick=quick, quiet=quiet)


if __name__ == "__main__":
    command(SECTIONS, RESULTS, "Measure the search against its peers.")
