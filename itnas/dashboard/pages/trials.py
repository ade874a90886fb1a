"""All trials, in a grid that reads only what is seen of it."""

from __future__ import annotations

from dash import dcc, html

from itnas.dashboard.choices import Choices
from itnas.dashboard.grid import ONLY, grid
from itnas.dashboard.parts import Part, control, place
from itnas.dashboard.view import RunView


def trials(_view: RunView, choices: Choices) -> list[Part]:
    only = choices["only"] if choices["only"] in ONLY else "all"
    return [
        place("scores", "Scores", wide=True, height=250, sketched=True),
        html.Section(
            [
                html.Div(
                    [
                        control("only", "show", [(name, told) for name, told in ONLY.items()], only),
                        html.Button("Download CSV", id="csv", type="button", title="What is selected, else all shown"),
                        html.Button("Compare", id="compare", type="button", title="What is selected, side by side"),
                        html.Button("Clear selection", id="unselect", type="button"),
                        html.Span(id="counted", className="remark"),
                    ],
                    className="tools",
                ),
                grid(choices),
                dcc.Download(id="download"),
            ],
            className="card wide",
        ),
    ]
