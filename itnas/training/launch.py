"""Starting the processes of a group on this machine, or joining one that torchrun has started."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch
import torch.distributed as dist

from itnas.shown import one_line
from itnas.training.data import sent
from itnas.training.group import DeviceLostError, Group
from itnas.training.helper import READY, SAID, Place
from itnas.training.population import Setup
from itnas.training.recipes import Recipe

START_SECONDS = 300.0  # in which a process must have loaded torch
END_SECONDS = 10.0  # in which it must end once there is nothing left to do
NEWS_SECONDS = 5.0  # in which a process whose connection broke must turn out to be gone
_BY_TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Launched(NamedTuple):
    """Where torchrun has put this process."""

    rank: int
    size: int
    local_rank: int


def launched() -> Launched | None:
    """None where no launcher has started several processes."""
    found = [os.environ.get(name, "") for name in _BY_TORCHRUN]
    if not all(found) or found[1] == "1":
        return None
    try:
        return Launched(int(found[0]), int(found[1]), int(os.environ.get("LOCAL_RANK", found[0])))
    except ValueError as error:
        raise ValueError(
            f"RANK={found[0]} and WORLD_SIZE={found[1]} in the environment must be numbers, as torchrun sets them: "
            "set them right, or unset them"
        ) from error


def own_device(device: torch.device, local_rank: int) -> torch.device:
    """The device of a process among those on its machine."""
    return torch.device("cuda", local_rank) if device.type == "cuda" else device


def check_devices(recipe: Recipe, setup: Setup, devices: int, *, here: int | None = None) -> None:
    """Refuse, by ValueError, what cannot be shared out among so many devices, `here` of them for this process and those
    that it starts (by default all)."""
    if devices < 1:
        raise ValueError(f"devices must be at least 1, got {devices}")
    share = recipe.batch_size // devices
    if share < 1:
        raise ValueError(
            f"a batch of {recipe.batch_size} samples cannot be shared out among {devices} devices: take fewer devices "
            "or larger batches"
        )
    if setup.parts > share:
        raise ValueError(
            f"accumulate={setup.parts} cuts a device's {share} samples of a batch of {recipe.batch_size} into more "
            "parts than there are: take less"
        )
    if devices == 1:
        return
    if setup.capture:
        raise ValueError("capture=True records a step of one device: leave it out, or train on one device")
    if setup.device.type == "cuda":
        found = torch.cuda.device_count()
        if setup.device != torch.device("cuda"):
            raise ValueError(f"device '{setup.device}' is one device, got devices={devices}: say cuda")
        if (here or devices) > found:
            raise ValueError(f"{here or devices} CUDA devices asked for on this machine, but torch sees {found}")


@contextmanager
def device_group(recipe: Recipe, setup: Setup, devices: int) -> Iterator[Setup]:
    """The setup with a group of `devices` processes on this machine. This process leads; the others are started here,
    follow, and end with this context, or with this process."""
    if devices == 1:
        yield setup
        return
    threads = torch.get_num_threads()
    each = max(1, threads // devices) if setup.device.type == "cpu" else threads
    with tempfile.TemporaryDirectory(prefix="itnas-devices-", ignore_cleanup_errors=True) as name:
        helpers = _Helpers(Path(name), devices)
        try:
            helpers.start(recipe, setup, each)
            torch.set_num_threads(each)
            helpers.watch()
            with _on_loopback():
                group = Group(0, devices, helpers.store, own_device(setup.device, 0), helpers.lost)
            try:
                if setup.device.type == "cpu":
                    # From here on a connection that breaks is an error at once.
                    helpers.over.set()
                yield dataclasses.replace(setup, group=group, device=own_device(setup.device, 0))
                helpers.wait()
            finally:
                helpers.kill()
                group.close()
        finally:
            helpers.kill()
            torch.set_num_threads(threads)


@contextmanager
def joined_group(setup: Setup, place: Launched, *, idle: bool = False) -> Iterator[Setup]:
    """The setup with the group that torchrun has started. `idle`: the leading process has nothing to do after all, and
    tells the others."""
    device = own_device(setup.device, place.local_rank)
    group = Group(place.rank, place.size, None, device)
    try:
        if group.leads:
            group.told(not idle)
        yield dataclasses.replace(setup, group=group, device=device)
    finally:
        group.close()


class _Helpers:
    """The processes that follow this one. They find each other by a file, and talk over the loopback device."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.store: Any = dist.FileStore(str(folder / "store"), size)  # type: ignore[attr-defined]
        self.over = threading.Event()

    def start(self, recipe: Recipe, setup: Setup, threads: int) -> None:
        """Return when all are up."""
        order = sent((recipe, setup), recipe.task)
        for rank in range(1, self.size):
            place = Place(rank, self.size, str(self.folder / "store"), threads)
            with open(self._log(rank), "wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "itnas.training.helper"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    env=_environment(threads),
                    # Ctrl-C is for the process that leads, and what a helper starts ends with it.
                    start_new_session=True,
                )
            self.processes[rank] = process
            assert process.stdin is not None
            _write(process.stdin, pickle.dumps(place) + pickle.dumps(order))
        deadline = time.monotonic() + START_SECONDS
        while not self.store.check([f"{READY}{rank}" for rank in self.processes]):
            if self._gone():
                raise self._sentence()
            if time.monotonic() > deadline:
                raise DeviceLostError(
                    f"the processes of {self.size} devices were not up after {START_SECONDS:g} seconds"
                )
            time.sleep(0.02)

    def lost(self, error: BaseException) -> DeviceLostError:
        """Who is gone, when talking to the others has failed."""
        deadline = time.monotonic() + NEWS_SECONDS
        while not self._gone() and time.monotonic() < deadline:
            time.sleep(0.02)
        if not self._gone():
            return DeviceLostError(f"the devices' processes could not talk ({one_line(error)})")
        return self._sentence()

    def watch(self) -> None:
        """Before there are connections, and with NCCL after that too, this process would wait very long for one that is
        gone. Then it ends as well, and says why."""

        def look() -> None:
            while not self.over.wait(1.0):
                if self._gone() and not self.over.wait(2 * NEWS_SECONDS):
                    os.write(2, f"\nitnas: {self._sentence()}\n".encode())
                    os._exit(2)

        threading.Thread(target=look, daemon=True).start()

    def wait(self) -> None:
        """Let them come to their end, which is near."""
        deadline = time.monotonic() + END_SECONDS
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0.0))

    def kill(self) -> None:
        """Leave none behind, nor what they have started."""
        self.over.set()
        for process in self.processes.values():
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()

    def _gone(self) -> list[int]:
        """Ranks of those that have failed."""
        return [rank for rank, process in self.processes.items() if process.poll() not in (None, 0)]

    def _sentence(self) -> DeviceLostError:
        """Why: some go only because others have gone."""
        for rank in self._gone():
            who, code = f"the process of device {rank + 1} of {self.size}", self.processes[rank].returncode
            if self.store.check([f"{SAID}{rank}"]):
                return DeviceLostError(f"{who} failed: {self.store.get(f'{SAID}{rank}').decode()}", fell=False)
            if code < 0:
                return DeviceLostError(f"{who} was killed ({_signal_name(-code)})")
        last = self._log(self._gone()[0]).read_text(errors="replace").strip().splitlines()[-1:]
        return DeviceLostError(f"the process of another device is gone{f' ({last[0]})' if last else ''}")

    def _log(self, rank: int) -> Path:
        return self.folder / f"stderr{rank}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _write(pipe: IO[bytes], content: bytes) -> None:
    """A process that has ended already is found out by those who wait for it."""
    with suppress(BrokenPipeError):
        pipe.write(content)
        pipe.flush()


def _environment(threads: int) -> dict[str, str]:
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
    # A user's tasks may lie anywhere.
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    return {**os.environ, **counts, **_loopback(), "PYTHONPATH": path}


def _loopback() -> dict[str, str]:
    """What makes gloo listen where nobody outside of this machine can reach it, whatever the machine is called."""
    names = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    return {"GLOO_SOCKET_IFNAME": names[0]} if names else {}


@contextmanager
def _on_loopback() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _loopback()}
    os.environ.update(_loopback())
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
