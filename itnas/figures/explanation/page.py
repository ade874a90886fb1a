"""The page: one file that needs nothing else, in which every name is text, whatever it holds."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from itnas.figures.explanation.info import Explained, Head, Line, Network, Panel
from itnas.figures.explanation.plots import Style, fidelity_plot, kernel_plot, state_plot, styles
from itnas.figures.markup import tag

if TYPE_CHECKING:
    import plotly.graph_objects as go

WORDS = (
    ("fidelity", "What a replacement keeps of the score that is lost without the layer: 1 all of it, 0 nothing."),
    ("95 %", "The interval of a fidelity, from the scatter between samples; of a verdict, its family's."),
    ("share", "Of the layer's output, what a head carries."),
    ("support", "Offsets that a convolution needs; of a local layer, how many of the nearest points."),
    ("state", "Numbers per head that must be carried past a point, to serve whatever follows."),
    ("growth", "The slope of log(1 + budget) on log(points): 0 stays the same, 1 grows with the length."),
    ("budget", "Offsets of a convolution, nearest points of a local layer, numbers of a state."),
    ("origin", "Imposed: half of the untrained copies show the family too. Emerged: none does, or comes near it."),
)


def page(info: Explained) -> str:
    """HTML with style, script and data inside."""
    from plotly.offline import get_plotlyjs

    looks = styles(info)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", info.title),
        tag("style", _own("page.css")),
    )
    body = tag(
        "body",
        tag("h1", info.title),
        *(tag("p", line, kind="said") for line in info.said),
        _words(info.networks),
        *([_overview(info.networks)] if len(info.networks) > 1 else []),
        *(_network(network, looks, info.enough) for network in info.networks),
        tag("noscript", tag("p", "The plots need JavaScript; sentences and tables do not.")),
        tag("script", get_plotlyjs()),
        tag("script", _own("page.js")),
    )
    document = tag("html", head, body, lang="en")
    return "<!DOCTYPE html>\n" + ElementTree.tostring(document, encoding="unicode", method="html")


def _own(name: str) -> str:
    return files("itnas.figures.explanation").joinpath(name).read_text(encoding="utf-8")


def _words(networks: Sequence[Network]) -> Element:
    """The words of the page, and what each family that was tried leaves of a kernel."""
    lines = [line for network in networks for panel in network.panels for line in panel.lines]
    families = {line.family: f"Of the kernel is left: {line.summary}." for line in lines}
    told = [*WORDS, *families.items()]
    terms = [each for word, meaning in told for each in (tag("dt", word), tag("dd", meaning))]
    return tag("details", tag("summary", "What the words mean"), tag("dl", *terms))


def _overview(networks: Sequence[Network]) -> Element:
    """What became of every layer of every replica."""
    most = max(len(network.panels) for network in networks)
    header = ["network", *(f"layer {number + 1}" for number in range(most))]
    rows: list[list[Element | str]] = []
    for network in networks:
        link = tag("a", f"replica {network.replica}", href=f"#replica-{network.replica}")
        rows.append([link, *(panel.family for panel in network.panels)])
    return _table(header, rows)


def _network(network: Network, looks: dict[str, Style], enough: float) -> Element:
    return tag(
        "section",
        tag("h2", f"Replica {network.replica}", id=f"replica-{network.replica}"),
        *(tag("p", line, kind="said") for line in network.said),
        *(_layer(panel, looks, enough) for panel in network.panels),
    )


def _layer(panel: Panel, looks: dict[str, Style], enough: float) -> Element:
    """What it became, its kernels, and the evidence."""
    shown = [name for name in panel.verdicts[0] if any(row[name] for row in panel.verdicts)]
    verdicts = [[row[name] for name in shown] for row in panel.verdicts]
    # There is more room here than in a terminal.
    header = ["fidelity (95 %)" if name == "95 %" else name for name in shown]
    return tag(
        "article",
        tag("h3", panel.heading),
        tag("p", panel.sentence, kind="sentence"),
        _table(header, verdicts),
        _kernels(panel),
        # A layer that does nothing has no evidence to show.
        *([_evidence(panel, looks, enough)] if panel.lines else []),
    )


def _kernels(panel: Panel) -> Element:
    caption = tag(
        "figcaption",
        f"Kernels of {panel.drawn}, from the point across to the point down: ",
        tag("span", "orange adds", kind="adds"),
        ", ",
        tag("span", "blue takes away", kind="takes"),
        ". Each has its own scale, whose colours are full at the number below it.",
    )
    return tag("figure", caption, tag("div", *(_head(head, panel.shown) for head in panel.heads), kind="heads"))


def _head(head: Head, shown: Sequence[int]) -> Element:
    pictures = []
    for picture in head.pictures:
        plot = _plot(kernel_plot(picture, shown), "square", f"Kernel of {head.title}, {picture.title}")
        pictures.append(tag("div", plot, f"{picture.title}: ±{picture.limit:.2g}", kind="picture"))
    return tag("div", tag("h4", head.title), tag("div", *pictures, kind="pictures"))


def _evidence(panel: Panel, looks: dict[str, Style], enough: float) -> Element:
    plots = [_plot(fidelity_plot(panel.lines, looks, enough), "curve", "Fidelity of each family by budget")]
    if panel.lengths:
        plots.append(_plot(state_plot(panel), "curve", "State needed by length"))
    caption = (
        f"Fidelity of each replacement; {enough:g} is asked for, and diamonds mark the smallest budget that gives it."
    )
    rows: list[list[Element | str]] = [
        [_family(line, looks[line.family]), line.best, line.needed_text] for line in panel.lines
    ]
    table = _table(["family", "fidelity (95 %)", "needed"], rows)
    return tag(
        "figure", tag("figcaption", caption), tag("div", table, tag("div", *plots, kind="plots"), kind="evidence")
    )


def _family(line: Line, look: Style) -> Element:
    """A family's name behind a piece of its line."""
    stroke = {"stroke": look.colour, "stroke-width": "2.5", "stroke-dasharray": look.strokes or "none"}
    swatch = tag(
        "svg",
        tag("line", x1="0", y1="4", x2="34", y2="4", **stroke),
        kind="swatch",
        viewBox="0 0 34 8",
        **{"aria-hidden": "true"},
    )
    return tag("span", swatch, line.family)


def _plot(figure: go.Figure, kind: str, label: str) -> Element:
    # Inside a script only "<" could end it.
    data = str(figure.to_json()).replace("<", "\\u003c")
    return tag(
        "div",
        tag("div", role="img", **{"aria-label": label}),
        tag("script", data, type="application/json"),
        kind=f"plot {kind}",
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[Element | str]]) -> Element:
    """The first column names the rows."""
    body = []
    for first, *rest in rows:
        cells = [tag("td", cell, **{"data-name": name}) for name, cell in zip(header[1:], rest, strict=False)]
        body.append(tag("tr", tag("th", first, scope="row"), *cells))
    head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in header)))
    return tag("div", tag("table", head, tag("tbody", *body)), kind="wide")
