"""`itnas dashboard`: look at runs in a browser, also while they go on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from itnas.cli import complete
from itnas.cli.options import argument, flag, option
from itnas.cli.screen import say_json

LOOPBACK = "127.0.0.1"


def dashboard(
    runs: Annotated[list[Path], argument("The folders of runs.", name="run", complete=complete.runs)],
    host: Annotated[
        str,
        option("--host", takes="address", told="Listen here; beyond loopback a token is asked for.", default=LOOPBACK),
    ] = LOOPBACK,
    port: Annotated[
        int | None, option("--port", takes="n", told="Listen on this port.", default="8050, or the next free one")
    ] = None,
    allowed_hosts: Annotated[
        list[str] | None, option("--allowed-host", takes="name", told="Answer to this name too (repeatable).")
    ] = None,
    open_browser: Annotated[bool, flag("--open", told="Open it in the browser.")] = False,
    as_json: Annotated[bool, flag("--json", told="Print JSON, once it listens.")] = False,
) -> None:
    """Serve a live, read-only web page of runs: what emerged, trials, search, kernels, findings."""
    from itnas.cli.extras import needs

    with needs("dashboard", "dash", "dash_ag_grid", "flask", "werkzeug"):
        from itnas.dashboard.server import access_for, address, listen, open_views
    from itnas.signals import stop_request

    if port is not None and not 0 <= port < 65_536:
        raise ValueError(f"--port must be between 0 and 65535, got {port}")
    views = open_views(runs)
    access = access_for(host, allowed_hosts or ())
    server = listen(views, host, port, access)
    where = address(server, host, access)
    # Who has read the address may stop it.
    with stop_request() as stop:
        if as_json:
            say_json({"address": where, "runs": {name: str(view.reader.folder) for name, view in views.items()}})
        else:
            typer.echo(f"Dashboard of {', '.join(views)}: {where} (Ctrl-C ends it)")
        sys.stdout.flush()
        if open_browser:
            import webbrowser

            webbrowser.open(where)
        import threading

        threading.Thread(target=server.serve_forever, daemon=True).start()
        while not stop():
            threading.Event().wait(0.2)
    server.shutdown()
