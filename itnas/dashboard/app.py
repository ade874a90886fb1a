"""The Dash application: one page at a time, whose figures and blocks are renewed when what they show has changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from dash import ALL, MATCH, ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from flask import request

from itnas.dashboard.blocks import BLOCKS, digest
from itnas.dashboard.body import body, live, place_of, view_of
from itnas.dashboard.choices import Choices
from itnas.dashboard.grid import portion, sorting, trials_csv
from itnas.dashboard.pages import KEYS, TITLES
from itnas.dashboard.panels import PANELS
from itnas.dashboard.parts import Part, panel
from itnas.dashboard.security import Access, guard
from itnas.dashboard.view import RunView

LOOK_MS = 2_000  # between two looks for something new
UNUSED = (
    "async-enterprise", "async-mathjax", "async-datepicker", "async-highlight", "async-markdown", "async-slider",
    "async-upload", "dash_table",
)  # fmt: skip
PLOTLY = "/plotly.v"
WORDS = (
    ("/", "search in the grid's first filter"),
    ("j, k", "next, previous row of the grid"),
    ("Enter", "open the trial of the row"),
    ("x", "select the row"),
    ("Esc", "close this, leave a field, clear the selection"),
    ("g, then a letter", ", ".join(f"{key}: {TITLES[name]}" for key, name in KEYS.items())),
    ("d", "light or dark"),
    ("?", "this list"),
)


class _Dash(Dash):
    """Dash starts its renderer with a script inside the page, which our pages forbid: it is a file here."""

    def _generate_scripts_html(self) -> str:
        """Only what our pages use: the rest is half of what a browser would have to read before it shows anything, and
        typesetting would read formulas into names."""
        tags: str = super()._generate_scripts_html()
        used = [tag for tag in tags.splitlines() if not any(name in tag for name in UNUSED)]
        # The largest by far: it is fetched while the others run, and run when figures want it (`page.js`).
        plotly = next(tag for tag in used if PLOTLY in tag)
        fetched = plotly.replace("<script ", '<link rel="preload" as="script" id="plotly" ').replace(" src=", " href=")
        return "\n".join([fetched.removesuffix("</script>"), *(tag for tag in used if tag != plotly)])

    def _generate_renderer(self) -> str:
        return f'<script id="_dash-renderer" src="{self.get_asset_url("start.js")}"></script>'


@contextmanager
def _no_settings_of_dash() -> Iterator[None]:
    """Nothing is left to the environment: Dash would take what it is not given from there, or refuse to start."""
    own = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("DASH_")}
    try:
        yield
    finally:
        os.environ.update(own)


def make_app(views: Mapping[str, RunView], access: Access) -> Dash:
    """`views`: runs by the names that addresses know them by."""
    with _no_settings_of_dash():
        app = _Dash(
            "itnas.dashboard",
            title="itnas",
            update_title="",
            assets_ignore=r"start\.js",
            assets_external_path="",
            compress=False,
            eager_loading=True,
            enable_mcp=False,
            mcp_path="_mcp",
            health_endpoint=None,
            requests_pathname_prefix="/",
            routes_pathname_prefix="/",
            serve_locally=True,
            suppress_callback_exceptions=True,
            use_pages=False,
            add_log_handler=False,
        )
    guard(app.server, access)
    app.layout = lambda: _layout(views)
    _navigation(app, views)
    _renewal(app, views)
    _grid(app, views)
    return app


def _layout(views: Mapping[str, RunView]) -> list[Part]:
    """All that stays when pages change. The first page is sent along: who asks for a layout says for which address."""
    told = urlsplit(request.referrer or "")
    page, choices = place_of(told.path, told.query)
    view = view_of(views, choices)
    return [
        dcc.Location(id="url", refresh="callback-nav"),
        dcc.Store(id="choices", data=choices.to_dict()),
        dcc.Store(id="selection", data=[]),
        dcc.Store(id="version", data=_version(view)),
        dcc.Store(id="shown", data=[f"/{page}", choices.to_dict()]),
        dcc.Interval(id="tick", interval=LOOK_MS),
        html.Div(body(views, page, choices), id="page"),
        html.Div(id="lost", className="banner", hidden=True),
        html.Dialog(
            [html.H2("Keys"), html.Dl([part for key, told in WORDS for part in (html.Dt(key), html.Dd(told))])],
            id="keys",
        ),
    ]


def _version(view: RunView | None) -> int:
    return 0 if view is None else view.version


def _navigation(app: Dash, views: Mapping[str, RunView]) -> None:
    @app.callback(
        Output("page", "children"),
        Output("choices", "data"),
        Output("shown", "data"),
        Output("version", "data", allow_duplicate=True),
        Output("selection", "data", allow_duplicate=True),
        Input("url", "pathname"),
        Input("url", "search"),
        State("shown", "data"),
        prevent_initial_call="initial_duplicate",
    )
    def show(path: Any, query: Any, shown: Any) -> Any:
        """Another page, unless it is there already. What is selected are trials of one task of one run: it ends with
        that."""
        page, choices = place_of(*(each if isinstance(each, str) else "" for each in (path, query)))
        if shown == [f"/{page}", choices.to_dict()]:
            return [no_update] * 5
        found, view = body(views, page, choices), view_of(views, choices)
        before = Choices(shown[1]) if isinstance(shown, list) and len(shown) == 2 else Choices()
        kept = view is not None and view is view_of(views, before) and view.task(choices) == view.task(before)
        at = [f"/{page}", choices.to_dict()]
        return found, choices.to_dict(), at, _version(view), no_update if kept else []

    _in_browser(
        app,
        "chosen",
        Input({"kind": "control", "name": ALL}, "value"),
        prevent_initial_call=True,
    )


def _renewal(app: Dash, views: Mapping[str, RunView]) -> None:
    @app.callback(
        Output("version", "data"),
        Output("live", "children"),
        Input("tick", "n_intervals"),
        State("version", "data"),
        State("choices", "data"),
        prevent_initial_call=True,
    )
    def look(_ticks: int | None, version: Any, given: Any) -> Any:
        """The one question that is asked again and again: it costs next to nothing while nothing happens."""
        view = view_of(views, Choices(given))
        if view is None:
            return no_update, no_update
        view.follower.look()
        return (no_update, no_update) if version == view.version else (view.version, live(view))

    @app.callback(
        Output(panel(MATCH), "figure"),  # type: ignore[arg-type]
        Output({"kind": "remark", "name": MATCH}, "children"),
        Output({"kind": "seen", "name": MATCH}, "data"),
        Input("version", "data"),
        Input("choices", "data"),
        State({"kind": "seen", "name": MATCH}, "data"),
        State({"kind": "seen", "name": MATCH}, "id"),
        prevent_initial_call=True,
    )
    def draw(_version: Any, given: Any, seen: Any, own: Any) -> Any:
        choices, name = Choices(given), own["name"]
        view = view_of(views, choices)
        if view is None or name not in PANELS:
            return no_update, no_update, no_update
        if (wanted := view.fingerprint(choices, PANELS[name].needs)) == seen:
            return no_update, no_update, no_update
        drawn = PANELS[name].drawn(view, choices)
        return drawn.figure, drawn.remark, wanted

    @app.callback(
        Output({"kind": "block", "name": MATCH}, "children"),
        Output({"kind": "told", "name": MATCH}, "data"),
        Input("version", "data"),
        Input("choices", "data"),
        State({"kind": "told", "name": MATCH}, "data"),
        State({"kind": "told", "name": MATCH}, "id"),
        prevent_initial_call=True,
    )
    def tell(_version: Any, given: Any, told: Any, own: Any) -> Any:
        choices, name = Choices(given), own["name"]
        view = view_of(views, choices)
        if view is None or name not in BLOCKS:
            return no_update, no_update
        before = told if isinstance(told, list) and len(told) == 2 else [None, None]
        if (wanted := view.fingerprint(choices, BLOCKS[name].needs)) == before[0]:
            return no_update, no_update
        # What is told again in the same words stays as it is, a list that somebody has opened too.
        parts = BLOCKS[name].told(view, choices)
        now = digest(parts)
        return (no_update if now == before[1] else parts), [wanted, now]

    _in_browser(
        app,
        "renewed",
        Input("version", "data"),
        Input("choices", "data"),
        prevent_initial_call=True,
    )


def _grid(app: Dash, views: Mapping[str, RunView]) -> None:
    @app.callback(
        Output("grid", "getRowsResponse"),
        Output("counted", "children"),
        Input("grid", "getRowsRequest"),
        State("choices", "data"),
        State("selection", "data"),
        prevent_initial_call=True,
    )
    def rows(asked: Any, given: Any, selection: Any) -> Any:
        choices = Choices(given)
        view = view_of(views, choices)
        if view is None or not isinstance(asked, Mapping):
            return no_update, no_update
        found = portion(view, choices, _numbers(selection), asked)
        whole = len(view.trials(view.task(choices)))
        return found, f"{found['rowCount']:,} of {whole:,} trials"

    @app.callback(
        Output("download", "data"),
        Input("csv", "n_clicks"),
        State("choices", "data"),
        State("selection", "data"),
        State("grid", "filterModel"),
        State("grid", "columnState"),
        prevent_initial_call=True,
    )
    def save(_clicks: Any, given: Any, selection: Any, filters: Any, columns: Any) -> Any:
        choices = Choices(given)
        view = view_of(views, choices)
        if view is None:
            return no_update
        order = sorting(columns)
        text = trials_csv(view, choices, _numbers(selection), {"filterModel": filters, "sortModel": order})
        return {"content": text, "filename": "trials.csv", "type": "text/csv"}

    _in_browser(
        app,
        "picked",
        Output("selection", "data"),
        Input({"kind": "figure", "name": ALL}, "selectedData"),
        Input({"kind": "figure", "name": ALL}, "clickData"),
        State("selection", "data"),
        prevent_initial_call=True,
    )
    _in_browser(
        app,
        "ticked",
        Output("selection", "data", allow_duplicate=True),
        Input("grid", "selectedRows"),
        State("selection", "data"),
        prevent_initial_call=True,
    )
    _in_browser(app, "marked", Input("selection", "data"))


def _in_browser(app: Dash, name: str, *places: Any, **how: Any) -> None:
    """A callback that `page.js` answers."""
    add: Any = app.clientside_callback
    add(ClientsideFunction("itnas", name), *places, **how)


def _numbers(selection: Any) -> list[int]:
    return [each for each in selection if isinstance(each, int)] if isinstance(selection, list) else []
