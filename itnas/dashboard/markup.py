"""The parts of a page as plain HTML, for files that no server stands behind. Every text is a text here too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from xml.etree.ElementTree import Element

from dash.development.base_component import Component

from itnas.figures.markup import tag

# What a page without a server cannot do, or has no use for.
LEFT_OUT = ("Store", "Dropdown", "Label", "AgGrid", "Download", "Location", "Interval")
# Of Dash's properties, those that HTML has too.
ATTRIBUTES = {"className": "class", "src": "src", "alt": "alt", "title": "title", "scope": "scope", "value": "value",
              "max": "max"}  # fmt: skip
Link = Callable[[str], str | None]


def elements(part: Any, link: Link) -> list[Element | str]:
    """A part and what is in it. `link`: where an address of the dashboard is found in the file; None: nowhere."""
    if part is None:
        return []
    if isinstance(part, (str, int, float)):
        return [str(part)]
    if isinstance(part, (list, tuple)):
        return [found for each in part for found in elements(each, link)]
    if not isinstance(part, Component):
        raise TypeError(f"no part of a page: {type(part).__name__}")
    kind = type(part).__name__
    if kind in LEFT_OUT:
        return []
    inside = elements(getattr(part, "children", None), link)
    if kind == "Button":
        # What says what it does in words is of no use here; a picture still is a picture.
        pictured = isinstance(getattr(part, "children", None), Component)
        return [element("div", inside, **{"class": str(getattr(part, "className", ""))})] if pictured else []
    if kind == "Graph":
        return [plot(part.figure)]  # type: ignore[attr-defined]
    if kind == "Link":
        target = link(part.href)  # type: ignore[attr-defined]
        return inside if target is None else [element("a", inside, href=target)]
    own = {name: getattr(part, name, None) for name in ATTRIBUTES}
    attributes = {ATTRIBUTES[name]: str(value) for name, value in own.items() if value not in (None, "")}
    style = getattr(part, "style", None)
    if style:
        attributes["style"] = "; ".join(f"{name}: {value}" for name, value in style.items())
    return [element(kind.lower(), inside, **attributes)]


def element(name: str, inside: Iterable[Element | str] = (), /, **attributes: str) -> Element:
    return tag(name, *inside, **attributes)


def plot(figure: Any) -> Element:
    """A figure as data, which the file's own script draws when it comes near."""
    # Inside a script only "<" could end it.
    data = element("script", [str(figure.to_json()).replace("<", "\\u003c")], type="application/json")
    return element("div", [element("div"), data], **{"class": "dash-graph plot"})
