"""One training on several devices of a Ray cluster: a process for each, wherever there is room.

The process that leads is one of them; this one, the driver, holds the folder. Checkpoints, reports and the outcome
travel to it, and no shared file system is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray import cloudpickle
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from itnas.allowance import usable_cores
from itnas.datasets.cache import passed_on
from itnas.search.raytune.rank import CHECKPOINT, OUTCOME, REPORT, Order, Rank
from itnas.search.raytune.session import Session, ray_session
from itnas.shown import one_line
from itnas.training.data import sent
from itnas.training.folder import TrainingFolder
from itnas.training.group import DeviceLostError
from itnas.training.population import Setup
from itnas.training.recipes import Recipe
from itnas.training.train import InterruptedTrainingError
from itnas.training.trainer import Report

START_SECONDS = 600.0  # in which the cluster must have room
LOOK_SECONDS = 0.1  # between two looks at what has come


def train_on_ray(
    recipe: Recipe,
    setup: Setup,
    folder: TrainingFolder,
    *,
    device: str,
    devices: int,
    address: str | None,
    test: bool,
    on_report: Callable[[Report], None],
    stop: Callable[[], bool],
) -> None:
    """As `train_recipe` does. `setup` says how, but for the devices: they are those of the cluster at `address`, or of
    a Ray that is started here."""
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"--device {device} on a Ray cluster: say auto, cpu or cuda; Ray chooses which ones")
    state = folder.state()
    with ray_session(
        address, cpus=max(devices * (1 + setup.workers), usable_cores()) if address is None else None
    ) as session:
        kind = _kind(session, device, devices)
        with _ranks(devices, kind, 1 + setup.workers) as ranks:
            order = _order(recipe)
            where = _sure(ranks[0].meeting_place.remote())
            runs = [
                rank.train.remote(order, setup, number, devices, where, kind, state if number == 0 else None, test)
                for number, rank in enumerate(ranks)
            ]
            finished = _attend(recipe, ranks, runs, folder, on_report, stop)
    if not finished:
        raise InterruptedTrainingError


def _kind(session: Session, device: str, devices: int) -> str:
    """Ray's name for what is asked for, if there is enough of it."""
    kind = "CPU" if device == "cpu" or (device == "auto" and not session.total("GPU")) else "GPU"
    there = int(session.total(kind))
    if there < devices:
        raise ValueError(f"{devices} devices asked for, but the Ray cluster has {there} {kind}s: take fewer devices")
    return kind


@contextmanager
def _ranks(devices: int, kind: str, cpus: int) -> Iterator[list[Any]]:
    """A process for each device, all of them or none: two trainings that have half of what they need would wait for
    ever."""
    bundle = {"CPU": float(cpus)} | ({"GPU": 1.0} if kind == "GPU" else {})
    together = placement_group([bundle] * devices, strategy="PACK")
    try:
        if not together.wait(START_SECONDS):
            wanted = f"{devices} devices with {cpus} CPUs each"
            raise ValueError(f"the Ray cluster had no room for {wanted} within {START_SECONDS:g} seconds")
        actor: Any = ray.remote(Rank)
        ranks = [
            actor.options(
                num_cpus=cpus,
                num_gpus=bundle.get("GPU", 0.0),
                # One call trains, the others ask how it goes.
                max_concurrency=4,
                scheduling_strategy=PlacementGroupSchedulingStrategy(together, placement_group_bundle_index=number),
            ).remote(passed_on())
            for number in range(devices)
        ]
        try:
            yield ranks
        finally:
            for rank in ranks:
                ray.kill(rank)
    finally:
        remove_placement_group(together)


def _attend(
    recipe: Recipe,
    ranks: list[Any],
    runs: list[Any],
    folder: TrainingFolder,
    on_report: Callable[[Report], None],
    stop: Callable[[], bool],
) -> bool:
    """Keep and show what comes until all have ended; whether the training is finished."""
    waiting, finished, asked = list(runs), False, False
    while waiting:
        ended, waiting = ray.wait(waiting, num_returns=1, timeout=LOOK_SECONDS)
        if stop() and not asked:
            asked = True
            ranks[0].ask_to_stop.remote()
        for run in ended:
            _sure(run, runs)
        # When the last has ended, all that it said is there.
        for kind, value in _sure(ranks[0].news.remote(), runs):
            if kind == REPORT:
                on_report(value)
            elif kind == CHECKPOINT:
                folder.keep(recipe.genome, value)
            elif kind == OUTCOME:
                folder.complete(recipe.genome, value)
                finished = True
    return finished


def _sure(call: Any, runs: list[Any] | None = None) -> Any:
    """What a call comes to. Of a group that broke, the one who fell first says why."""
    try:
        return ray.get(call)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, DeviceLostError):
            raise _first(runs or [], cause) from error
        raise cause from error
    except ray.exceptions.RayActorError as error:
        raise _fallen(runs or [], error) from error


def _first(runs: list[Any], cause: DeviceLostError) -> Exception:
    """Why a group broke, from all that have ended by now or shortly."""
    ended, _ = ray.wait(runs, num_returns=len(runs), timeout=3.0) if runs else ([], [])
    for run in ended:
        try:
            ray.get(run)
        except ray.exceptions.RayActorError as error:
            return _fallen(runs, error)
        except ray.exceptions.RayTaskError as error:
            if not isinstance(error.cause, DeviceLostError):
                return DeviceLostError(
                    f"{_who(runs, run)} failed: {type(error.cause).__name__}: {error.cause}", fell=False
                )
    return cause


def _fallen(runs: list[Any], error: Exception) -> DeviceLostError:
    for run in runs:
        if ray.wait([run], timeout=0)[0]:
            try:
                ray.get(run)
            except ray.exceptions.RayActorError:
                return DeviceLostError(f"{_who(runs, run)} died, or its node did")
            except ray.exceptions.RayTaskError:
                continue
    return DeviceLostError(f"the process of a device died ({one_line(error)})")


def _who(runs: list[Any], run: Any) -> str:
    return f"the process of device {runs.index(run) + 1} of {len(runs)}"


def _order(recipe: Recipe) -> Order:
    """The file of a user's task need not be on other machines."""
    by_name, module = sent(recipe, recipe.task), sys.modules[type(recipe.task).__module__]
    if recipe.task.origin is None:
        return Order(by_name, by_name)
    cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]
    try:
        return Order(by_name, cloudpickle.dumps(recipe))  # type: ignore[no-untyped-call]
    finally:
        cloudpickle.unregister_pickle_by_value(module)  # type: ignore[no-untyped-call]
