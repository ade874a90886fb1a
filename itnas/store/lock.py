"""Who drives a run: a lock that ends with its holder, however that ends, and says who the holder is."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from itnas.flock import locked
from itnas.shown import moment, typed
from itnas.store.connect import RunError

LOCK = "driver.lock"
LOOKS, LOOK_SECONDS = 20, 0.01


class RunLock:
    """Held while a driver writes to a run."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self.descriptor: int | None = None

    def __enter__(self) -> Self:
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o644)
        except PermissionError as error:
            raise RunError(f"{self.path.parent} cannot be written: make the folder writable") from error
        try:
            taken = _taken_soon(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise RunError(
                f"{self.path.parent} cannot be locked ({error.strerror}): move the run to another disk"
            ) from error
        if not taken:
            os.close(descriptor)
            raise RunError(
                f"{self.path.parent} is being driven by {described(holder(self.path.parent))}: wait for it, or end it "
                f"with `itnas stop {typed(self.path.parent)}`"
            )
        self.descriptor = descriptor
        about = {"pid": os.getpid(), "host": socket.gethostname(), "started": time.time()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(about).encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.descriptor is not None:
            os.ftruncate(self.descriptor, 0)
            os.close(self.descriptor)
            self.descriptor = None


def _taken_soon(descriptor: int) -> bool:
    """Take the lock; who only looks whether it is held, holds it for a moment."""
    for _ in range(LOOKS):
        if locked(descriptor):
            return True
        time.sleep(LOOK_SECONDS)
    return False


def driven(folder: Path) -> bool:
    """Whether a driver is at work there. Any number may look at once."""
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not locked(descriptor, shared=True)
    except OSError:
        return False  # where nothing can be locked no driver starts
    finally:
        os.close(descriptor)


def holder(folder: Path) -> dict[str, Any]:
    """What the driver said of itself."""
    try:
        found = json.loads((folder / LOCK).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def described(about: dict[str, Any]) -> str:
    if not isinstance(about.get("pid"), int):
        return "another process"
    return f"process {about['pid']} on {about.get('host', 'this machine')} since {moment(about.get('started', 0))}"


def ask_to_stop(folder: Path) -> int:
    """Tell the driver to stop as Ctrl-C would; its process id."""
    if not driven(folder):
        raise RunError(f"{folder}: no sweep is running there")
    about = holder(folder)
    if about.get("host") != socket.gethostname() or not isinstance(about.get("pid"), int):
        raise RunError(f"{folder} is driven by {described(about)}: stop it there")
    pid: int = about["pid"]
    os.kill(pid, signal.SIGTERM)
    return pid
