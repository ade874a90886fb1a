"""A Ray to run on: started here for as long as it is needed, or joined; quiet either way, its logs kept on demand."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itnas.shown import one_line
from itnas.signals import alive

TEMPORARY = re.compile(r"itnas-ray-(\d+)-")
SOCKET_PATH = 107 if sys.platform == "linux" else 103  # characters that a socket's path may have
SOCKET_NAME = len("/itnas-ray-4194304-abcdefgh/r/session_2026-01-01_00-00-00_123456_4194304/sockets/plasma_store")
STALE_SECONDS = 300.0  # the helpers of a killed Ray linger for a while


@dataclass(frozen=True)
class Session:
    """Where trials run, and a folder for what Tune writes, which nobody reads."""

    folder: Path
    nodes: tuple[dict[str, float], ...]  # resources of each node

    def total(self, resource: str) -> float:
        return sum(node.get(resource, 0.0) for node in self.nodes)


@contextmanager
def ray_session(address: str | None, *, cpus: int | None = None, logs: Path | None = None) -> Iterator[Session]:
    """Start a local Ray, or join the cluster at `address`. `logs`: where a local Ray's logs go in the end."""
    _sweep_temporary()
    folder = Path(tempfile.mkdtemp(prefix=f"itnas-ray-{os.getpid()}-", dir=_temporary()))
    try:
        import ray

        with _own_signals():
            _start(address, folder, cpus)
        try:
            found: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
            nodes = tuple(dict(node["Resources"]) for node in found if node["Alive"])
            yield Session(folder, nodes)
        finally:
            with _silent():
                ray.shutdown()
    finally:
        if logs is not None:
            _keep_logs(folder, logs)
        shutil.rmtree(folder, ignore_errors=True)


def _start(address: str | None, folder: Path, cpus: int | None) -> None:
    import ray

    for name in ("ray", "ray.tune", "ray.air", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if ray.is_initialized():
        raise ValueError("a Ray session is running in this process already: end it with ray.shutdown() first")
    with _silent():
        if address is None:
            _start_local(folder, cpus)
        else:
            _join(address)
    # Of a worker that died, Ray tells on stdout, where our results go. The trial's row tells of it, too.
    ray._private.worker._worker_logs_enabled = False


def _start_local(folder: Path, cpus: int | None) -> None:
    """An address in the environment, left over from something else, is not joined. What we start is seen by this
    machine alone, and has no dashboard: that has been a way in for others."""
    import ray

    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=str(folder / "r"),
        )
    # When its processes do not come up, Ray raises no narrower class.
    except Exception as error:
        raise ValueError(
            f"Ray could not be started on this machine ({one_line(error)}): it may be short of memory or too "
            "busy; try again with `itnas resume`, or with --engine inline, which does without Ray"
        ) from error


def _join(address: str) -> None:
    import ray

    try:
        with _unheard():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    # Ray's own classes come and go with its versions.
    except Exception as error:
        raise ValueError(
            f"cannot join the Ray cluster at {address} ({one_line(error)}): is it up, and, if it wants a token, is "
            "that in ~/.ray/auth_token or RAY_AUTH_TOKEN here?"
        ) from error


@contextmanager
def _unheard() -> Iterator[None]:
    """Ray's compiled part tells of a refused token every second, past Python and whatever its settings say."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray puts a handler of SIGTERM of its own in the place of ours, which asks the sweep to stop. It is kept from that
    while it starts; a version that does it another way is put right afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    from ray._private import utils

    before, setter = signal.getsignal(signal.SIGTERM), utils.set_sigterm_handler
    utils.set_sigterm_handler = lambda _handler: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = setter
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _silent() -> Iterator[None]:
    """Ray warns about much that is of no concern to a sweep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _keep_logs(folder: Path, target: Path) -> None:
    found = sorted((folder / "r").glob("session_2*/logs"))
    if found:
        shutil.copytree(found[-1], target, dirs_exist_ok=True, ignore_dangling_symlinks=True)


def _temporary() -> Path:
    """The temporary folder, or a shorter one: Ray puts sockets below it, whose paths have little room."""
    given = Path(tempfile.gettempdir())
    short = Path("/tmp")
    fits = len(os.fsencode(given)) + SOCKET_NAME <= SOCKET_PATH
    return given if fits or not os.access(short, os.W_OK) else short


def _sweep_temporary() -> None:
    """Remove what sweeps that were killed have left behind."""
    for path in _temporary().glob("itnas-ray-*"):
        matched = TEMPORARY.match(path.name)
        with contextlib.suppress(OSError):
            old = time.time() - path.stat().st_mtime > STALE_SECONDS
            if matched and old and path.stat().st_uid == os.getuid() and not alive(int(matched.group(1))):
                shutil.rmtree(path, ignore_errors=True)
