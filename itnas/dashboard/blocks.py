"""Text and tables that change while a sweep runs: each a function from a run and the choices to parts of a page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from dash import html

from itnas.dashboard.choices import Choices
from itnas.dashboard.parts import Part
from itnas.dashboard.view import RunView
from itnas.registry import Registry
from itnas.store import RunError
from itnas.store.connect import blamed

Tell = Callable[[RunView, Choices], list[Part]]


class Block(NamedTuple):
    """`needs`: the words of the choices that change it."""

    tell: Tell
    needs: tuple[str, ...]

    def told(self, view: RunView, choices: Choices) -> list[Part]:
        """A run that is damaged, or a file that is missing, leaves a sentence."""
        try:
            with blamed(view.reader.path):
                return self.tell(view, choices)
        except (RunError, OSError) as error:
            return [html.P(str(error), className="warning")]


def digest(parts: list[Part]) -> str:
    """The same for what is told in the same way."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


BLOCKS: Registry[Block] = Registry("block")


def block(name: str, *needs: str) -> Callable[[Tell], Tell]:
    """Make a block known by its name."""

    def add(tell: Tell) -> Tell:
        BLOCKS.add(name, Block(tell, ("run", *needs)))
        return tell

    return add
