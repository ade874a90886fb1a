"""Serving pages until somebody ends it."""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from itnas.dashboard.app import make_app
from itnas.dashboard.body import body
from itnas.dashboard.choices import Choices
from itnas.dashboard.security import Access, is_loopback, names
from itnas.dashboard.view import RunView

PORT = 8050
TRIES = 20  # ports after the first that are tried where none was asked for


class _Silent(WSGIRequestHandler):
    """A line for every request is of no use to anybody. Connections are kept: a page asks for some twenty files."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:
        if type == "error":
            super().log(type, message, *args)


def open_views(folders: Sequence[Path]) -> dict[str, RunView]:
    """Runs by the names of their folders, which are told apart where they are the same."""
    found: dict[str, RunView] = {}
    for folder in folders:
        stem = name = folder.resolve().name
        number = 1
        while name in found:
            number += 1
            name = f"{stem} ({number})"
        found[name] = RunView(name, folder)
    return found


def access_for(host: str, allowed: Sequence[str]) -> Access:
    """On loopback nobody else can ask; elsewhere who asks needs a token."""
    return Access(names(host, allowed), None if is_loopback(host) else secrets.token_urlsafe(24))


def listen(views: Mapping[str, RunView], host: str, port: int | None, access: Access) -> BaseWSGIServer:
    """A server that is bound and ready. Nothing of it comes from the environment."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = make_app(views, access).server
    # What the first visitor would wait for is loaded now.
    body(views, "trials", Choices())
    application.test_client().get("/")
    return _bound(host, port, lambda free: make_server(host, free, application, threaded=True, request_handler=_Silent))


def _bound(host: str, port: int | None, make: Callable[[int], BaseWSGIServer]) -> BaseWSGIServer:
    ports = [port] if port is not None else [*range(PORT, PORT + TRIES), 0]
    for each in ports:
        if _free(host, each):
            return make(each)
    if not port:
        raise ValueError(f"{host} is no address of this machine: name one with --host, or leave it out")
    raise ValueError(f"port {port} of {host} is taken, or may not be used: name another with --port, or leave it out")


def _free(host: str, port: int) -> bool:
    """Whether a server can be bound there: werkzeug itself would end the process."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
    except socket.gaierror as error:
        raise ValueError(f"{host} is no address of this machine: name one with --host, or leave it out") from error
    except OSError:
        return False
    return True


def address(server: BaseWSGIServer, host: str, access: Access) -> str:
    """What to open."""
    shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    shown = f"[{shown}]" if ":" in shown else shown
    token = "" if access.token is None else f"?token={access.token}"
    return f"http://{shown}:{server.server_port}/{token}"
