"""HTML as elements: whatever a text holds, it stays text."""

from __future__ import annotations

from xml.etree.ElementTree import Element


def tag(name: str, /, *children: Element | str, kind: str | None = None, **attributes: str) -> Element:
    """An element; texts are escaped when it is written. `kind`: its class."""
    made = Element(name, attributes if kind is None else {"class": kind, **attributes})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + child
        else:
            made.text = (made.text or "") + child
    return made
