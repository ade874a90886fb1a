"""`itnas dashboard`: look at runs in a browser, also while they go on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def dashboard(
    runs: Annotated[list[Path], typer.Argument(metavar="run...", help="Folders of runs.")],
    host: Annotated[
        str, typer.Option("--host", metavar="<address>", help="Listen here. Beyond loopback a token is asked for.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="<n>", help="Listen on this port; by default 8050, or the next free."),
    ] = None,
    allowed_hosts: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", metavar="<name>", help="Answer to this name too (repeatable)."),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Serve a live, read-only web page of runs: what emerged, trials, search, kernels, findings."""
    from itnas.cli.extras import needs

    with needs("dashboard", "dash", "dash_ag_grid"):
        from itnas.dashboard.server import access_for, address, listen, open_views
    from itnas.signals import stop_request

    if port is not None and not 0 <= port < 65_536:
        raise ValueError(f"--port must be between 0 and 65535, got {port}")
    views = open_views(runs)
    access = access_for(host, allowed_hosts or ())
    server = listen(views, host, port, access)
    where = address(server, host, access)
    typer.echo(f"Dashboard of {', '.join(views)}: {where} (Ctrl-C ends it)")
    if open_browser:
        import webbrowser

        webbrowser.open(where)
    with stop_request() as stop:
        import threading

        threading.Thread(target=server.serve_forever, daemon=True).start()
        while not stop():
            threading.Event().wait(0.2)
    server.shutdown()
