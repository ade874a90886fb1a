"""A process of a group on a Ray cluster: trains, and keeps what it has to say until the driver asks."""

from __future__ import annotations

import dataclasses
import os
import pickle
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from itnas.training.keeper import Keeper, State

if TYPE_CHECKING:
    from itnas.genome import Genome
    from itnas.training.population import Setup
    from itnas.training.recipes import Recipe

# What a message holds.
REPORT, CHECKPOINT, OUTCOME = "report", "checkpoint", "outcome"
MEET_SECONDS = 300.0
_ADDRESS_OF = 0x8915  # SIOCGIFADDR of Linux: the address of a network interface

Say = Callable[[str, Any], None]


@dataclasses.dataclass(frozen=True)
class Order:
    """What to train, pickled twice: with a user's task by the name of its class, which processes that make data can
    be handed on, and by value where its file is not."""

    by_name: bytes
    by_value: bytes

    def recipe(self) -> Recipe:
        try:
            found: Recipe = pickle.loads(self.by_name)
        except (ImportError, AttributeError):
            found = pickle.loads(self.by_value)
        return found


class Sent(Keeper):
    """Keeps nothing here: the driver has the folder."""

    def __init__(self, state: State | None, say: Say) -> None:
        self.begun, self.say = state, say

    @property
    def name(self) -> str:
        return "the training's folder"

    def state(self) -> State | None:
        return self.begun

    def keep(self, genome: Genome, content: bytes) -> None:
        self.say(CHECKPOINT, content)

    def complete(self, genome: Genome, files: dict[str, bytes]) -> None:
        self.say(OUTCOME, files)


class Rank:
    """The actor. One thread trains; others answer meanwhile."""

    def __init__(self, environment: dict[str, str]) -> None:
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        self.said: deque[tuple[str, Any]] = deque()
        self.stop = threading.Event()
        self.listening: socket.socket | None = None

    def meeting_place(self) -> tuple[str, int]:
        """Where the others find this one: an address of the cluster's own network, and a free port."""
        address = _own_address()
        self.listening = socket.socket()
        self.listening.bind((address, 0))
        self.listening.listen(512)
        return address, int(self.listening.getsockname()[1])

    def news(self) -> list[tuple[str, Any]]:
        """What has been said since the last time."""
        return [self.said.popleft() for _ in range(len(self.said))]

    def ask_to_stop(self) -> None:
        self.stop.set()

    def train(
        self,
        order: Order,
        setup: Setup,
        rank: int,
        size: int,
        where: tuple[str, int],
        kind: str,
        state: State | None,
        test: bool,
    ) -> None:
        """Train with the others; the first one leads."""
        recipe = order.recipe()
        import torch
        import torch.distributed as dist

        from itnas.training.group import Group
        from itnas.training.train import InterruptedTrainingError, follow, train_recipe

        if (interface := _interface(_own_address())) is not None:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
        # Ray shows a process the one GPU that it was given.
        device = torch.device("cuda", 0) if kind == "GPU" else torch.device("cpu")
        torch.set_num_threads(1)
        held = self.listening.detach() if self.listening is not None else None
        store = dist.TCPStore(  # type: ignore[attr-defined]
            where[0],
            where[1],
            size,
            is_master=held is not None,
            timeout=timedelta(seconds=MEET_SECONDS),
            wait_for_workers=False,
            master_listen_fd=held,
        )
        group = Group(rank, size, store, device)
        own = dataclasses.replace(setup, device=device, group=group)
        try:
            if not group.leads:
                follow(recipe, own)
                return
            keeper = Sent(state, self._say)
            with suppress(InterruptedTrainingError):
                train_recipe(
                    recipe,
                    setup=own,
                    folder=keeper,
                    test=test,
                    on_report=lambda report: self._say(REPORT, report),
                    stop=self.stop.is_set,
                )
        finally:
            group.close()

    def _say(self, kind: str, value: Any) -> None:
        self.said.append((kind, value))


def _own_address() -> str:
    import ray.util

    return str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]


def _interface(address: str) -> str | None:
    """The network interface with that address: gloo would take the one that the machine's name leads to, which is
    often the loopback device. None where the system does not say."""
    try:
        import fcntl
    except ImportError:  # not POSIX
        return None
    for _, name in socket.if_nameindex():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked, suppress(OSError):
            found = fcntl.ioctl(asked.fileno(), _ADDRESS_OF, struct.pack("256s", name.encode()[:15]))
            if socket.inet_ntoa(found[20:24]) == address:
                return name
    return None
