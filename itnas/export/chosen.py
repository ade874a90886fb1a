"""Which trial is taken home, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from itnas.again import training_command
from itnas.export.source import Source
from itnas.genome import Genome
from itnas.plain import plain
from itnas.run import Run
from itnas.search.settings import SweepSettings
from itnas.store import RunError, placed
from itnas.tasks import Task
from itnas.training.trained_folder import TrainedFolder
from itnas.version import __version__

Row = Mapping[str, Any]


def of_run(run: Run, task: str | None = None, trial: int | None = None) -> Source:
    """A complete trial of a run; by default the best one on the task. Its confirmed networks go before others."""
    number = run.best_trial(task) if trial is None else trial
    row = run.reader.trial(number)
    if task is not None and row["task"] != run.named(task):
        raise RunError(f"{run.folder}: trial {number} is on {row['task']}, not on {task}: leave --task out, or --trial")
    if row["state"] != "complete":
        done = [each["number"] for each in run.reader.trials(row["task"]) if each["state"] == "complete"]
        others = f"; complete are {', '.join(map(str, done[:20]))}" if done else ""
        raise RunError(f"{run.folder}: trial {number} is {row['state']}, not complete{others}")
    kept = run.kept(number).get("weights")
    if kept is not None:
        (phase,) = (each["phase"] for each in run.reader.kept() if each["path"] == kept)
        return _of_trained(run, row, TrainedFolder.open(placed(run.folder, kept)), confirmed=phase == "confirm")
    genome = Genome.from_dict(run.reader.genome(row["genome"]))
    own = _task(run, row["task"])
    told = _search_result(run, row, own)
    return Source(_recipe(genome, told), own, plain(_provenance(run, row, told, confirmed=False)), None, run, number)


def of_training(path: Path) -> Source:
    """What `itnas train --out` wrote."""
    folder = TrainedFolder.open(path)
    told, best = _training_result(folder.result), folder.best()
    about = plain({"itnas": __version__, **told, "replica": best.replica})
    return Source(_recipe(folder.genome, told), folder.task, about, best.network.eval())


def _of_trained(run: Run, row: Row, folder: TrainedFolder, *, confirmed: bool) -> Source:
    told, best = _training_result(folder.result), folder.best()
    about = plain({**_provenance(run, row, told, confirmed=confirmed), "replica": best.replica})
    return Source(_recipe(folder.genome, told), folder.task, about, best.network.eval(), run, row["number"])


def _task(run: Run, name: str) -> Task:
    """The task as the sweep trained on it."""
    return SweepSettings.from_dict(run.settings, str(run.folder)).task(name)


def _training_result(result: Row) -> dict[str, Any]:
    """A finished training in a few words: the same that `itnas train --json` says."""
    rows = [each for each in result["replicas"] if each["learning_rate"] == result["learning_rate"]]
    about, recipe = result.get("provenance", {}), result.get("recipe", {})
    return {
        "task": result["task"],
        "metric": result["metric"],
        "score": result["score"],
        "test_score": result["test_score"],
        "chance": result["chance"],
        "ceiling": result["ceiling"],
        "learning_rate": result["learning_rate"],
        "learning_rates": recipe.get("genome", {}).get("training", {}).get("learning_rates", [result["learning_rate"]]),
        "steps": result["steps"],
        "batch_size": recipe.get("batch_size"),
        "seeds": [each["seed"] for each in rows],
        "parameters": result["parameters"],
        "versions": {name: about[name] for name in ("itnas", "torch", "python") if name in about},
        "device": about.get("device"),
        "precision": about.get("precision", "float32"),
    }


def _search_result(run: Run, row: Row, task: Task) -> dict[str, Any]:
    """The same of a trial whose networks were not kept, from the run's tables."""
    settings = run.settings
    replicas = [each for each in run.reader.replicas(trial=row["number"]) if each["phase"] == "search"]
    seeds = sorted({each["seed"] for each in replicas})
    interval = {"mean": row["score"], "low": row["score_low"], "high": row["score_high"], "replicas": len(seeds)}
    return {
        "task": task.label,
        "metric": task.metric,
        "score": interval,
        "test_score": None,
        "chance": task.chance,
        "ceiling": task.ceiling,
        "learning_rate": row["learning_rate"],
        "learning_rates": sorted({each["learning_rate"] for each in replicas}) or None,
        "steps": settings.get("steps"),
        "batch_size": settings.get("batch_size"),
        "seeds": seeds,
        "parameters": row["parameters"],
        "versions": {},
        "device": None,
        "precision": settings.get("precision", "float32"),
    }


def _recipe(genome: Genome, told: Row) -> Genome:
    """The genome with the budget that its score was reached with, written out."""
    own = {name: told[name] for name in ("steps", "batch_size") if told[name] is not None}
    data = genome.to_dict()
    return Genome.from_dict({**data, "training": {**data.get("training", {}), **own}})


def _provenance(run: Run, row: Row, told: Row, *, confirmed: bool) -> dict[str, Any]:
    """Where a trial comes from; nothing in it changes from export to export. `confirmed`: whether its score is that of
    the confirmation."""
    verdicts = _verdicts(run, row["number"])
    return {
        "itnas": __version__,
        "run": run.folder.resolve().name,
        "space": run.reader.sweep()["space"]["name"],
        "sweep_seed": run.settings["seed"],
        "trial": row["number"],
        "name": row.get("name"),
        "origin": row["origin"],
        "genome": row["genome"],
        "score_of": "fresh seeds, after the search" if confirmed else "the search itself",
        **told,
        "verdicts": verdicts,
        "findings": _findings(run, row["task"]),
    }


def _findings(run: Run, task: str) -> list[dict[str, Any]]:
    """What the sweep concludes for the task."""
    names = ("layer", "family", "share", "low", "high", "null", "sentence")
    rows = [each for each in run.finding_rows() if each["task"] == task and each.get("sentence")]
    return [{name: each[name] for name in names} for each in rows]


def _verdicts(run: Run, trial: int) -> list[dict[str, Any]]:
    """What each layer became, network by network: the confirmed ones where there are any."""
    rows = [each for each in run.reader.layers(trial=trial) if each["head"] is None]
    phase = "confirm" if any(each["phase"] == "confirm" for each in rows) else "search"
    names = ("replica", "layer", "family", "support", "state_size", "offsets", "sentence")
    return [{name: each.get(name) for name in names} for each in rows if each["phase"] == phase]


def command(source: Source, file: str) -> str:
    """What trains the genome again, in a shell, with the seeds of the score that is told."""
    told = source.provenance
    return training_command(file, source.task.label, told.get("seeds") or (), {"precision": told.get("precision")})
