"""A run as an Optuna storage, for optuna-dashboard and for Optuna's own tools."""

from __future__ import annotations

import json
import os
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from itnas.search.settings import SweepSettings
from itnas.search.study import directions_of, distribution
from itnas.search.sweep import events_of
from itnas.space import Domain, Space
from itnas.store import RunReader

ENDINGS = ("db", "log")  # an SQLite database, or Optuna's journal, which is faster to write
STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "infeasible": TrialState.FAIL,
    "running": TrialState.RUNNING,
}


def write_storage(reader: RunReader, target: Path) -> None:
    """One study per task, all trials in it, specialists without parameters; whole or not at all."""
    temporary = target.with_name(f".{target.stem}.new{target.suffix}")
    temporary.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep = reader.sweep()
    settings = SweepSettings.from_dict(sweep["settings"], str(reader.folder))
    space = Space.parse(sweep["space"]["text"], sweep["space"]["name"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            storage = _storage(temporary)
            for task in settings.tasks:
                _write_study(storage, reader, task, settings, space)
            if isinstance(storage, RDBStorage):
                storage.engine.dispose()
            else:
                _same_worker(temporary)
        os.replace(temporary, target)
    except (SQLAlchemyError, StorageInternalError) as error:
        raise OSError(f"{target} cannot be written: {str(error.__cause__ or error).splitlines()[0]}") from error
    finally:
        temporary.unlink(missing_ok=True)
        Path(f"{temporary}.lock").unlink(missing_ok=True)


def _same_worker(journal: Path) -> None:
    """Optuna names each writer at random; the same run is to be the same file."""
    lines = [json.loads(line) | {"worker_id": "itnas"} for line in journal.read_text(encoding="utf-8").splitlines()]
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def trials_in(path: Path) -> int:
    """How many trials a storage holds, of all studies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = _storage(path)
        found = sum(len(storage.get_all_trials(study._study_id, deepcopy=False)) for study in storage.get_all_studies())
        if isinstance(storage, RDBStorage):
            storage.engine.dispose()
    Path(f"{path}.lock").unlink(missing_ok=True)
    return found


def _storage(path: Path) -> BaseStorage:
    if path.suffix == ".log":
        return JournalStorage(JournalFileBackend(str(path)))
    return RDBStorage(f"sqlite:///{path}")


def _write_study(storage: BaseStorage, reader: RunReader, task: str, settings: SweepSettings, space: Space) -> None:
    directions = directions_of(len(settings.objectives))
    study = optuna.create_study(storage=storage, study_name=task, directions=directions)
    study.set_metric_names(list(settings.objectives))
    domains = space.domains()
    parameters = {event.trial: event.data for event in events_of(reader) if event.kind == "ask" and event.task == task}
    rungs = _rungs(reader)
    for row in reader.trials(task):
        asked = parameters[row["number"]].get("parameters", {})
        study.add_trial(_trial(row, asked, domains, settings, rungs.get(row["number"], {})))


def _trial(
    row: dict[str, Any],
    parameters: dict[str, Any],
    domains: dict[str, Domain],
    settings: SweepSettings,
    rungs: dict[int, float],
) -> FrozenTrial:
    state = STATES[row["state"]]
    values = None
    if state == TrialState.COMPLETE:
        values = [row["score"], row["cost"]][: len(settings.objectives)]
    told = ("number", "origin", "name", "genome", "reason", "parameters", "flops", "score_low", "score_high")
    trial = create_trial(
        state=state,
        params=parameters,
        distributions={name: distribution(domains[name]) for name in parameters},
        values=values,
        intermediate_values=rungs if len(settings.objectives) == 1 else {},
        user_attrs={name: row[name] for name in told if row[name] is not None},
    )
    trial.datetime_start = datetime.fromtimestamp(row["started"])
    if state.is_finished():
        trial.datetime_complete = datetime.fromtimestamp(row["finished"])
    return trial


def _rungs(reader: RunReader) -> dict[int, dict[int, float]]:
    """The score at each rung, as it was reported."""
    found: dict[int, dict[int, float]] = {}
    for event in events_of(reader):
        if event.kind == "report" and event.trial is not None:
            found.setdefault(event.trial, {})[event.data["rung"]] = event.data["score"]
    return found
