"""A cluster of two Ray nodes on this machine: processes, working directories and, for root, networks of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.processes import Place, kill, until

RAY = Path(sys.executable).with_name("ray")
MARK = "CHAOS_NODE"


@dataclass(frozen=True)
class Node:
    """`within`: what a command begins with to run on this node's network and under its name."""

    place: Place
    name: str
    ip: str
    within: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return self.place.folder / self.name

    @property
    def processes(self) -> list[int]:
        return self.place.marked(f"{MARK}={self.name}")

    def start(self, *options: object) -> None:
        self.folder.mkdir()
        command = (*self.within, RAY, "start", *options, "--node-ip-address", self.ip, "--num-cpus", 1, "--block")
        more = {MARK: self.name, "RAY_AUTH_MODE": "token"}
        process = self.place.start(*command, cwd=self.folder, said=self.name, **more)
        until(lambda: "Ray runtime started" in (self.place.folder / f"{self.name}out").read_text() or process.poll())
        if process.poll() is not None:
            pytest.fail(f"node {self.name}: {self.place.ended(process)}")

    def kill(self) -> None:
        while left := self.processes:
            for pid in left:
                kill(pid)


@dataclass(frozen=True)
class Cluster:
    address: str
    head: Node
    other: Node


@contextmanager
def cluster(place: Place, *, networks: bool) -> Iterator[Cluster]:
    """Two nodes with a CPU each, which want a token."""
    secret = place.folder / ".ray" / "auth_token"
    secret.parent.mkdir()
    secret.write_text(secrets.token_hex(32))
    secret.chmod(0o600)
    with ExitStack() as stack:
        head, other = stack.enter_context(_networks(place)) if networks else _plain(place)
        port = 6379 if networks else _free_port()
        temporary = place.folder / "r"
        head.start("--head", "--port", port, "--include-dashboard", "false", "--temp-dir", temporary)
        other.start("--address", f"{head.ip}:{port}")
        stack.callback(place.kill_all)
        yield Cluster(f"{head.ip}:{port}", head, other)


def _plain(place: Place) -> tuple[Node, Node]:
    ip = "127.0.0.1"
    return Node(place, "head", ip), Node(place, "other", ip)


@contextmanager
def _networks(place: Place) -> Iterator[tuple[Node, Node]]:
    """Two network namespaces with a cable between them, each with a host name of its own."""
    if os.getuid() != 0 or shutil.which("ip") is None or shutil.which("unshare") is None:
        pytest.skip("needs root, ip and unshare: nodes are to have networks of their own")
    tag = place.folder.name
    spaces, nodes = [f"{tag}-{side}" for side in "ab"], []
    with ExitStack() as stack:
        for space in spaces:
            made = subprocess.run(["ip", "netns", "add", space], capture_output=True, text=True)
            if made.returncode:
                pytest.skip(f"network namespaces cannot be had here: {made.stderr.strip()}")
            stack.callback(_ip, "netns", "del", space)
        _ip("-n", spaces[0], "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", spaces[1])
        for number, (space, name) in enumerate(zip(spaces, ("head", "other"), strict=True), start=1):
            ip = f"10.77.0.{number}"
            _ip("-n", space, "addr", "add", f"{ip}/24", "dev", "cable")
            for device in ("lo", "cable"):
                _ip("-n", space, "link", "set", device, "up")
            renamed = f'echo {name} > /proc/sys/kernel/hostname; exec "$@"'
            within = ("ip", "netns", "exec", space, "unshare", "--uts", "sh", "-c", renamed, "sh")
            nodes.append(Node(place, name, ip, within))
        yield nodes[0], nodes[1]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
