"""What no sweep can be made of, or not on this machine: said before anything is made."""

from __future__ import annotations

from itnas.search.samplers import sampler_kind
from itnas.search.settings import SweepSettings
from itnas.tasks import Task, find
from itnas.training import setup_for


def check_settings(settings: SweepSettings) -> None:
    """Refuse what could not run."""
    if not settings.tasks:
        raise ValueError("a sweep needs a task: name one with --task, see `itnas tasks`")
    sampler_kind(settings.sampler)
    for label in settings.tasks:
        task = find(label)
        if settings.length is not None:
            task.check_length(settings.length)
            settings.task(label)  # has rules of its own
        size = settings.batch_size or task.batch_size
        if size < settings.devices_per_trial:
            raise ValueError(
                f"task {label}: a batch of {size} samples cannot be shared out among {settings.devices_per_trial} "
                "devices: take fewer devices per trial or larger batches"
            )


def check_distinct(settings: SweepSettings) -> None:
    """Refuse a task that has two names among those given: it would be searched twice."""
    seen: list[tuple[str, Task]] = []
    for label in settings.tasks:
        task = settings.task(label)
        for other, there in seen:
            if there == task:
                raise ValueError(f"{other} and {label} are the same task, which is named twice: leave one of them out")
        seen.append((label, task))


def check_data(settings: SweepSettings, address: str | None) -> None:
    """Refuse tasks whose files are not here, or damaged; where trials run elsewhere, they may be there alone."""
    for label in settings.tasks if address is None else ():
        task = find(label)
        if task.lacks is not None:
            raise ValueError(f"task {label}: {task.lacks}")
        for split in ("train", "validation", *(["test"] if settings.confirm else [])):
            task.split_size(split)


def check_device(settings: SweepSettings, address: str | None) -> None:
    """Refuse a device that this machine lacks; where trials run elsewhere, it may be there alone."""
    if address is None:
        setup_for(settings.device)
