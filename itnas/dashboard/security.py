"""Who may ask, and for what: known hosts, reading only, a token where others can reach the server, no foreign script.

A page that only listens on loopback can still be reached by any web site the user visits, if that site's name is made
to point at 127.0.0.1; so names are checked, not only addresses.
"""

from __future__ import annotations

import gzip
import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from flask import Flask, Response, redirect, request
from werkzeug.exceptions import BadRequest, Forbidden, MethodNotAllowed
from werkzeug.wrappers import Response as Answer

LOOPBACK = ("localhost", "127.0.0.1", "::1")
COOKIE = "itnas_token"
CALLBACK = "/_dash-update-component"
MOST_BODY = 8 * 2**20
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{0,5})?")
COMPRESSED = ("text/", "application/javascript", "application/json")
HEADERS = {
    # plotly and the grid put styles into the page; nothing puts scripts there.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True)
class Access:
    """`hosts`: the names by which the server may be asked for. `token`: what others must know; None: nothing."""

    hosts: tuple[str, ...] = LOOPBACK
    token: str | None = None


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def guard(server: Flask, access: Access) -> None:
    """Check every request before anything else looks at it, and say in every answer what the page may do."""
    allowed = frozenset(name.lower() for name in access.hosts)
    server.config["MAX_CONTENT_LENGTH"] = MOST_BODY

    @server.before_request
    def check() -> Answer | None:
        if _name(request.environ.get("HTTP_HOST", "")) not in allowed:
            raise BadRequest("this name is not served: start the dashboard with --allowed-host NAME to allow it")
        if request.method not in (("POST",) if request.path == CALLBACK else ("GET", "HEAD")):
            raise MethodNotAllowed(("GET", "HEAD"), "there is nothing to be changed here")
        origin = request.headers.get("Origin")
        if origin is not None and _name(origin.partition("://")[2]) not in allowed:
            raise Forbidden("other sites may not ask")
        if request.path == CALLBACK and not _asks():
            raise BadRequest("this is no question that a page would ask")
        return None if access.token is None else _admitted(access.token)

    @server.after_request
    def answer(response: Response) -> Response:
        response.headers.update(HEADERS)
        if "Cache-Control" not in response.headers or request.path in ("/", CALLBACK):
            response.headers["Cache-Control"] = "no-store"
        return response if is_loopback(request.remote_addr or "") else _compressed(response)


def _name(host: str) -> str:
    """A host without its port; empty for what is no host."""
    found = HOST.fullmatch(host)
    return "" if found is None else found[1].strip("[]").lower()


def _asks() -> bool:
    """Whether the body is a table, as questions of pages are."""
    try:
        return isinstance(request.get_json(silent=True), dict)
    except RecursionError:  # lists within lists
        return False


def _admitted(token: str) -> Answer | None:
    """Who comes with the token gets a cookie, and goes on without it in the address."""
    given = request.args.get("token")
    if given is not None and hmac.compare_digest(given.encode(), token.encode()):
        left = "&".join(part for part in request.query_string.decode().split("&") if not part.startswith("token="))
        found = redirect(f"{request.path}?{left}" if left else request.path)
        found.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
        return found
    if hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), token.encode()):
        return None
    raise Forbidden("open the address that `itnas dashboard` printed: it ends in a token")


def _compressed(response: Response) -> Response:
    """Over a network; on one machine it would only cost time."""
    kind = response.headers.get("Content-Type", "")
    able = "gzip" in request.headers.get("Accept-Encoding", "") and "Content-Encoding" not in response.headers
    if not able or response.status_code != 200 or not kind.startswith(COMPRESSED):
        return response
    response.direct_passthrough = False
    body = response.get_data()
    lasting = "max-age" in response.headers["Cache-Control"]
    response.set_data(_packed(body) if lasting else gzip.compress(body, 5))
    response.headers["Content-Encoding"] = "gzip"
    response.headers.add("Vary", "Accept-Encoding")
    return response


@lru_cache(maxsize=64)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 6)


def names(host: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """The names that are served: loopback's, the address itself unless it stands for all, and those allowed."""
    own = () if host in ("0.0.0.0", "::", "") else (host,)
    return tuple(dict.fromkeys([*LOOPBACK, *own, *allowed]))
