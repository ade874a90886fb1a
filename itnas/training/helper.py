"""A process that trains beside the one that started it: `python -m itnas.training.helper`.

Its standard input brings what to do, and ends when the other process does, however that ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from itnas.shown import one_line

# Keys of the store, each with a rank behind it.
READY = "ready"  # the process is up
SAID = "said"  # why it failed


@dataclass(frozen=True)
class Place:
    """Where a helper stands, and what it needs to know before it can read what to train."""

    rank: int
    size: int
    store: str  # the file by which the processes find each other
    threads: int


def main() -> None:
    """Train, and leave a word when that fails; whoever started this process shows it."""
    source = sys.stdin.buffer
    place: Place = pickle.load(source)
    order: bytes = pickle.load(source)
    threading.Thread(target=_end_with, args=(source,), daemon=True).start()
    import torch.distributed as dist

    from itnas.training.group import DeviceLostError

    store = dist.FileStore(place.store, place.size)  # type: ignore[attr-defined]
    try:
        _train(place, order, store)
        # Taking torch down in order takes a second or two, for which the other process would wait.
        os._exit(0)
    except DeviceLostError:
        # Of that one the others know as much.
        os._exit(1)
    except BaseException as error:
        store.set(f"{SAID}{place.rank}", f"{type(error).__name__}: {one_line(error)}")
        os._exit(1)


def _train(place: Place, order: bytes, store: Any) -> None:
    import torch

    from itnas.training.group import Group
    from itnas.training.launch import own_device
    from itnas.training.train import follow

    torch.set_num_threads(place.threads)
    recipe, setup = pickle.loads(order)
    store.set(f"{READY}{place.rank}", "")
    device = own_device(setup.device, place.rank)
    group = Group(place.rank, place.size, store, device)
    follow(recipe, replace(setup, group=group, device=device))
    group.close()


def _end_with(source: BinaryIO) -> None:
    """When the pipe is closed at its other end, nobody waits for this process, nor for those that it started: they are
    a group of their own."""
    source.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
