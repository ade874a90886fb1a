"""`itnas train` on several devices: started here, by torchrun, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from itnas.cli.options import flag, option
from itnas.signals import stop_request

if TYPE_CHECKING:
    from itnas.training import Recipe, Report, Setup, TrainingFolder
    from itnas.training.launch import Launched

Devices = Annotated[
    int | None, option("--devices", takes="n", told="Devices that share every batch, a process each.", default=1)
]
Address = Annotated[
    str | None,
    option(
        "--address", takes="host:port", told="Start those processes on this Ray cluster; local: on a Ray of its own."
    ),
]
Accumulate = Annotated[
    int,
    option("--accumulate", takes="n", told="Parts of a device's batch, whose gradients are added up.", default=1),
]
CheckpointActivations = Annotated[
    bool, flag("--checkpoint-activations", told="Compute blocks twice instead of keeping what is in them.")
]
Workers = Annotated[
    int, option("--workers", takes="n", told="Processes per device that make training data ahead.", default=0)
]


@dataclass(frozen=True)
class Crew:
    """The processes that a training is shared out among."""

    devices: int
    place: Launched | None  # this process among those that torchrun has started
    address: str | None

    @property
    def follows(self) -> bool:
        """Whether another process leads."""
        return self.place is not None and self.place.rank > 0


def crew_for(devices: int | None, address: str | None) -> Crew:
    """What was asked for, if that goes together with how this process was started."""
    from itnas.training.launch import launched

    place = launched()
    if place is None:
        return Crew(1 if devices is None else devices, None, address)
    if address is not None:
        raise ValueError("--address starts processes on a Ray cluster, and torchrun has started some: use one of them")
    if devices not in (None, place.size):
        raise ValueError(f"--devices {devices}, but torchrun has started {place.size} processes: leave --devices out")
    return Crew(place.size, place, None)


def follow_along(recipe: Recipe, setup: Setup, crew: Crew) -> None:
    """The whole work of a process that does not lead. It ends as if all were well when somebody wants to stop: else
    torchrun would end the leading one, which is writing its checkpoint."""
    from itnas.training import follow, joined_group

    assert crew.place is not None
    with stop_request() as stop, joined_group(setup, crew.place) as own:
        assert own.group is not None
        if own.group.told(None):
            follow(recipe, own, stop)


def train_together(
    recipe: Recipe,
    setup: Setup,
    crew: Crew,
    folder: TrainingFolder,
    *,
    device: str,
    test: bool,
    on_report: Callable[[Report], None],
    stop: Callable[[], bool],
) -> None:
    """Train on all devices; the outcome is in the folder."""
    from itnas.training import device_group, joined_group, train_recipe

    if crew.address is not None:
        from itnas.search.raytune.devices import train_on_ray

        train_on_ray(
            recipe,
            setup,
            folder,
            device=device,
            devices=crew.devices,
            address=None if crew.address == "local" else crew.address,
            test=test,
            on_report=on_report,
            stop=stop,
        )
        return
    group = device_group(recipe, setup, crew.devices) if crew.place is None else joined_group(setup, crew.place)
    with group as own:
        train_recipe(recipe, setup=own, folder=folder, test=test, on_report=on_report, stop=stop)


def dismiss(setup: Setup, crew: Crew) -> None:
    """Tell the processes that torchrun has started beside this one that there is nothing to do."""
    from itnas.training import joined_group

    if crew.place is not None:
        with joined_group(setup, crew.place, idle=True):
            pass
