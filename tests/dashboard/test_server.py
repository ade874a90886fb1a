"""The real `itnas dashboard`, in processes of its own: how it starts, what it answers, how it ends."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from itnas.cli import main
from itnas.dashboard.server import PORT, access_for, address, listen, open_views
from itnas.store import RunError
from tests.dashboard import runs

START = [sys.executable, "-c", "from itnas.cli import main; main()", "dashboard"]
PATIENCE = 60.0  # seconds


class Started(NamedTuple):
    process: "subprocess.Popen[str]"
    told: str
    port: int


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def start(*arguments: object, **environment: str) -> "subprocess.Popen[str]":
    own = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "PYTHONUNBUFFERED": "1", **environment}
    told = [*START, *map(str, arguments)]
    return subprocess.Popen(told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=own)


def listening(process: "subprocess.Popen[str]") -> Started:
    assert process.stdout is not None
    told = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", told)
    assert found, told or process.communicate()[1]
    return Started(process, told, int(found[1]))


def ended(process: "subprocess.Popen[str]") -> Ended:
    out, err = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, out, err)


def asked(port: int, path: str = "/", host: str = "127.0.0.1") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs in folders of the same name."""
    place = tmp_path_factory.mktemp("served")
    runs.one_trial(place / "a" / "first")
    runs.two_objectives(place / "b" / "first")
    return place / "a" / "first", place / "b" / "first"


@pytest.fixture(scope="module")
def served(folders: tuple[Path, Path]) -> Iterator[Started]:
    """With everything in the environment that would have it listen elsewhere. After all that it was asked it still
    ends at once, and quietly."""
    told = {"HOST": "0.0.0.0", "PORT": "1", "DASH_HOST": "0.0.0.0", "DASH_PORT": "2", "DASH_DEBUG": "true",
            "DASH_URL_BASE_PATHNAME": "/x/", "FLASK_DEBUG": "1", "FLASK_RUN_HOST": "0.0.0.0"}  # fmt: skip
    process = start(*folders, "--port", "0", **told)
    try:
        yield listening(process)
        process.send_signal(signal.SIGTERM)
        told = ended(process)
        assert (told.code, told.err) in ((0, ""), (130, ""))
    finally:
        process.kill()


def test_it_serves_both_runs_by_names_of_their_own(served: Started) -> None:
    assert "Dashboard of first, first (2): http://127.0.0.1:" in served.told
    assert asked(served.port)[0] == 200
    layout = asked(served.port, "/_dash-layout")[1]
    assert '"first (2)"' in layout or "first\\u0020(2)" in layout
    assert asked(served.port, host="evil.example")[0] == 400


def test_the_environment_does_not_open_it_to_others(served: Started) -> None:
    """Bound to loopback alone: another address of this machine, also of loopback's net, is not answered."""
    for host in ("127.0.0.2", socket.gethostbyname(socket.gethostname())):
        if host == "127.0.0.1":
            continue
        with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
            socket.create_connection((host, served.port), timeout=1).close()


def test_many_ask_at_once(served: Started) -> None:
    """One slow reader does not hold up the others."""
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        assert asked(served.port, "/_dash-layout")[0] == 200


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nowhere"], "no such run"),
        (["{run}", "{run}/.."], "holds no run"),
        (["{run}", "--port", "{port}"], "port {port} of 127.0.0.1 is taken"),
        (["--port", "70000", "."], "between 0 and 65535"),
        (["--host", "203.0.113.7", "{run}"], "203.0.113.7"),
        (["{run}/run.db"], "is a file"),
    ],
)
def test_what_is_refused_in_one_sentence(
    served: Started,
    folders: tuple[Path, Path],
    arguments: list[str],
    word: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told_of = {"run": folders[0], "port": served.port}
    monkeypatch.setattr(sys, "argv", ["itnas", "dashboard", *(each.format(**told_of) for each in arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    told = capsys.readouterr()
    assert (caught.value.code, told.out) == (2, "")
    assert len(told.err.strip().splitlines()) == 1
    assert told.err.startswith("itnas: ")
    assert word.format(**told_of) in told.err
    assert asked(served.port)[0] == 200


def test_ctrl_c_ends_it_while_somebody_is_connected(folders: tuple[Path, Path]) -> None:
    found = listening(start(folders[0], "--port", "0"))
    with socket.create_connection(("127.0.0.1", found.port)):
        assert asked(found.port)[0] == 200
        begun = time.monotonic()
        found.process.send_signal(signal.SIGINT)
        told = ended(found.process)
    assert told.code in (0, 130)
    assert told.err == ""
    assert time.monotonic() - begun < 10
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", found.port))


def test_names_of_runs_are_told_apart(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runs.empty(tmp_path / "first (2)")
    found = open_views([*folders, tmp_path / "first (2)", folders[0]])
    assert list(found) == ["first", "first (2)", "first (2) (2)", "first (3)"]
    assert found["first"].reader.folder != found["first (2)"].reader.folder
    with pytest.raises(RunError, match="no such run"):
        open_views([*folders, tmp_path / "x"])


def test_beyond_loopback_a_token_is_asked_for(folders: tuple[Path, Path]) -> None:
    access = access_for("0.0.0.0", ["box"])
    assert access.token
    assert len(access.token) >= 32
    assert access_for("0.0.0.0", []).token != access.token
    assert access_for("127.0.0.1", []).token is access_for("localhost", ["box"]).token is access_for("::1", []).token
    server = listen(open_views(folders), "127.0.0.1", 0, access)
    try:
        assert address(server, "0.0.0.0", access).endswith(f":{server.server_port}/?token={access.token}")
        assert address(server, "::1", access_for("::1", [])) == f"http://[::1]:{server.server_port}/"
    finally:
        server.server_close()


def test_where_no_port_is_named_the_next_free_one_is_taken(folders: tuple[Path, Path]) -> None:
    views, access, servers = open_views(folders[:1]), access_for("127.0.0.1", []), []
    try:
        for _ in range(3):
            servers.append(listen(views, "127.0.0.1", None, access))
        ports = [server.server_port for server in servers]
        assert len(set(ports)) == 3
        assert all(port >= PORT for port in ports)
        assert ports == sorted(ports)
        with pytest.raises(ValueError, match=f"port {ports[0]} of 127.0.0.1 is taken"):
            listen(views, "127.0.0.1", ports[0], access)
    finally:
        for server in servers:
            server.server_close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "256.1.1.1", "203.0.113.7", "a b"])
def test_addresses_that_this_machine_has_not(folders: tuple[Path, Path], host: str) -> None:
    with pytest.raises(ValueError, match=re.escape(host)) as caught:
        listen(open_views(folders[:1]), host, 8_399, access_for(host, []))
    assert "\n" not in str(caught.value)
