"""What a trial prints: kept out of the way, and its end kept for the log of a failure."""

from __future__ import annotations

import io
import sys
from types import TracebackType
from typing import Self, TextIO

END = 8_000  # characters that are kept


class Printed(io.TextIOBase):
    """Stands in for stdout and stderr while it is entered; megabytes cost nothing."""

    def __init__(self) -> None:
        self.text = ""
        self.before: tuple[TextIO, TextIO] | None = None

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text = (self.text + text[-END:])[-END:]
        return len(text)

    def __enter__(self) -> Self:
        self.before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.before is not None
        sys.stdout, sys.stderr = self.before
