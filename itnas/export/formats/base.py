"""What a form of export is: it is written, loaded back and compared before anybody is told that it worked."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from itnas.export.earlier import described
from itnas.export.source import Source
from itnas.registry import Registry
from itnas.run import Run


class Form(abc.ABC):
    """One value of `--format`."""

    name: ClassVar[str]
    summary: ClassVar[str]  # what it is for, as the end of a sentence
    suffixes: ClassVar[tuple[str, ...]] = ()  # how a file's name may end; none: a folder is written
    sidecar: ClassVar[bool] = True  # whether what is known of a file is written beside it; folders hold it themselves

    def earlier(self, path: Path) -> bool:
        """Whether a file is an earlier export, which may be replaced."""
        return described(path)

    def configured(self, settings: Mapping[str, Any]) -> Self:
        """The same form with settings of its own. Most have none."""
        if settings:
            raise ValueError(f"the format {self.name} takes no {', '.join(sorted(settings))}: leave it out")
        return self


class Format(Form):
    """A form of one trial. Subclasses write to a path that nobody sees until they are done."""

    trained: ClassVar[bool] = True  # whether it needs the trained network, not the genome alone

    @abc.abstractmethod
    def write(self, source: Source, target: Path) -> dict[str, Any]:
        """Write to `target` (a file to be made, with one of the suffixes, or an empty folder), load it back, compare.

        What it returns is plain data: it is printed, and stored with the export. A comparison that fails, or what
        cannot be expressed, is a ValueError that says why.
        """


class RunFormat(Form):
    """A form of a whole run, whatever there is in it."""

    @abc.abstractmethod
    def write(self, run: Run, target: Path) -> dict[str, Any]:
        """As `Format.write`."""


FORMATS: Registry[Format | RunFormat] = Registry("format")
Kind = TypeVar("Kind", bound=type[Format] | type[RunFormat])


def register(kind: Kind) -> Kind:
    """Make a form known by its name."""
    FORMATS.add(kind.name, kind())
    return kind
