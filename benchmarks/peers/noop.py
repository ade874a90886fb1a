"""Trials that do nothing, through our executors and through Ray Tune: `python -m benchmarks.peers.noop KIND TRIALS`.

A process of its own for each, whose CPU time is the driver's. Prints a line of JSON: how much wall and CPU time had
passed after so many trials and when all was over, and the memory held in the end.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from itnas.search.job import Job, Message, Outcome, Rung, Started

MARKS = 40  # points of time that are noted down


class Marks:
    """Wall, CPU and asking time so far, after so many trials."""

    def __init__(self, trials: int) -> None:
        self.every, self.count, self.asking = max(trials // MARKS, 1), 0, 0.0
        self.rows: list[tuple[int, float, float, float]] = []

    def add(self) -> None:
        """Another trial has ended."""
        self.count += 1
        if self.count % self.every == 0 or self.count == 1:
            self.rows.append((self.count, time.perf_counter(), time.process_time(), self.asking))

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        """What our proposer takes is accounted for apart."""
        from itnas.search.proposer import Proposer

        propose = Proposer.propose

        def timed(proposer: Proposer, task: str) -> Any:
            begun = time.thread_time()
            try:
                return propose(proposer, task)
            finally:
                self.asking += time.thread_time() - begun

        Proposer.propose = timed  # type: ignore[method-assign]
        try:
            yield
        finally:
            Proposer.propose = propose  # type: ignore[method-assign]


def noop(job: Job, _stop: Callable[[], bool]) -> Iterator[Message]:
    """What a worker sends of a trial, at once."""
    score = job.trial % 97 / 97
    yield Started("here")
    yield Rung(len(job.rungs), 1, 0.0, score, (0.0,), (score,))
    replica = {"seed": 0, "learning_rate": 1e-3, "score": score, "loss": 0.0, "died": None}
    result = {
        "score": {"mean": score, "low": score, "high": score, "replicas": 1},
        "test_score": None,
        "parameters": 10,
        "learning_rate": 1e-3,
        "seconds": 0.1,
        "steps": 1,
        "replicas": [replica],
    }
    yield Outcome(result, 1.0, 0.0)


def ours(engine: str, trials: int, marks: Marks) -> None:
    """A sweep by the random sampler, without specialists, pruning or confirmation."""
    from itnas.search.settings import SweepSettings
    from itnas.search.sweep import Means, Sweep
    from itnas.space import Space

    settings = SweepSettings(
        tasks=("flip-flop",), trials=trials, replicas=1, specialists=(), confirm=0, rungs=1, sampler="random",
        keep=0, verdicts="none", pruner="none",
    )  # fmt: skip

    def changed(what: str, _job: Job, _message: Message | None) -> None:
        if what == "complete":
            marks.add()

    with (
        tempfile.TemporaryDirectory() as folder,
        marks.asked(),
        Sweep.create(Path(folder) / "run", Space.load("full"), settings) as sweep,
    ):
        sweep.run(Means(engine=engine), work=noop, on_change=changed)  # type: ignore[arg-type]


def bare(trials: int, marks: Marks) -> None:
    """Ray Tune with as little as it does: a class trainable, actors used again, no loggers, nothing saved."""
    # Before Ray itself: it settles what Ray reads when it is imported.
    session_of = import_module("itnas.search.raytune.session").ray_session
    from ray import tune

    class Nothing(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            import torch  # noqa: F401

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            return True

        def step(self) -> dict[str, Any]:
            return {"score": 0.5, "done": True}

    with session_of(None) as session:
        tune.Tuner(
            tune.with_resources(Nothing, {"cpu": 1}),
            param_space={"x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=True),
            run_config=tune.RunConfig(
                storage_path=str(session.folder / "t"),
                verbose=0,
                callbacks=[_counting(marks)],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False, checkpoint_frequency=0),
            ),
        ).fit()


def function(trials: int, marks: Marks) -> None:
    """A function trainable with Ray Tune's defaults, as its guide has it."""
    import ray
    from ray import tune

    def trainable(config: dict[str, Any]) -> None:
        import torch  # noqa: F401

        tune.report({"score": config["x"]})

    with tempfile.TemporaryDirectory() as folder:
        ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        try:
            tune.Tuner(
                tune.with_resources(trainable, {"cpu": 1}),
                param_space={"x": tune.uniform(0, 1)},
                tune_config=tune.TuneConfig(num_samples=trials),
                run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[_counting(marks)]),
            ).fit()
        finally:
            ray.shutdown()


def _counting(marks: Marks) -> Any:
    from ray import tune

    class Counting(tune.Callback):
        def __getstate__(self) -> dict[str, Any]:
            return {}

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            marks.add()

    return Counting()


KINDS: dict[str, Callable[[int, Marks], None]] = {
    "ray": lambda trials, marks: ours("ray", trials, marks),
    "inline": lambda trials, marks: ours("inline", trials, marks),
    "bare": bare,
    "function": function,
}


def measure(kind: str, trials: int) -> dict[str, Any]:
    """In a fresh process."""
    command = [sys.executable, "-m", "benchmarks.peers.noop", kind, str(trials)]
    environment = os.environ | {"RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"marks"')]
    if not lines:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def main() -> None:
    kind, trials = sys.argv[1], int(sys.argv[2])
    marks = Marks(trials)
    KINDS[kind](trials, marks)
    end = (time.perf_counter(), time.process_time())
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    print(json.dumps({"marks": marks.rows, "end": end, "memory": pages * os.sysconf("SC_PAGE_SIZE") / 10**6}))


if __name__ == "__main__":
    main()
