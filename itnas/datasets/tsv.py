"""Tab-separated files row by row, in which a quote is a letter like any other."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

Row = tuple[int, list[str]]


def rows(path: Path) -> Iterator[Row]:
    """Line number and fields of every line that is not empty.

    Lines end with LF or CR LF and nothing else: the texts hold other signs that Python takes for line ends (U+0085,
    U+2028, a lone CR). The mark that some editors put before UTF-8 is dropped.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            content = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            content = content.removesuffix(b"\n").removesuffix(b"\r")
            if content:
                yield number, _decoded(content, path, number).split("\t")


def _decoded(content: bytes, path: Path, number: int) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: line {number}: not a text in UTF-8 (byte {error.start + 1} of the line)") from error
