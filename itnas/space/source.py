"""A YAML document in which every value knows its line, read so that no file can do harm or fill the memory."""

from __future__ import annotations

import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from itnas.files import StrictLoader, decode, not_yaml

LARGEST_FILE = 256 * 1024  # bytes; the largest space shipped has some 3,000
MOST_NODES = 20_000  # values after aliases are written out: nine lines can ask for 10^9 of them
DEEPEST = 32
LONGEST_TEXT = 1000
LONGEST_KEY = 100
_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")}


@dataclass(frozen=True)
class Located:
    """A value and its line: a scalar, a list of these, or a dict of these, whose lines are those of their keys."""

    value: Any
    line: int

    def plain(self) -> Any:
        if isinstance(self.value, dict):
            return {key: inner.plain() for key, inner in self.value.items()}
        return [inner.plain() for inner in self.value] if isinstance(self.value, list) else self.value


def read_source(path: Path) -> str:
    """The text of a file that is small, regular and UTF-8."""
    shown = shown_path(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ValueError(f"{shown} is a folder: name a YAML file in it")
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{shown} is not a regular file")
        if status.st_size > LARGEST_FILE:
            raise ValueError(_too_large(shown))
        return decode(path.read_bytes(), shown)
    except FileNotFoundError as error:
        raise ValueError(f"no such file: {shown}") from error
    except OSError as error:
        raise ValueError(f"{shown}: {error.strerror}") from error


def shown_path(path: Path) -> str:
    """A file's name for errors: as it is, unless that would not fit one line."""
    text = str(path)
    text = text if len(text) <= 300 else f"{text[:100]}...{text[-100:]}"
    return text if text.isprintable() else ascii(text)


def locate(text: str, where: str) -> Located:
    """Read a document; `where` names it in errors."""
    if len(text) > LARGEST_FILE:
        raise ValueError(_too_large(where))
    try:
        loader = StrictLoader(text)
        root = loader.get_single_node()
    except RecursionError as error:
        raise ValueError(f"{where}: nested too deeply") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ValueError(not_yaml(error, where)) from error
    if root is None:
        raise ValueError(f"{where}: the file is empty: a mapping of a genome's fields is expected")
    return _Reader(loader, where).read(root)


def _too_large(where: str) -> str:
    return f"{where}: larger than {LARGEST_FILE // 1024} kB, which no search space is"


@dataclass
class _Reader:
    """Walks the nodes that YAML composed, aliases written out."""

    loader: StrictLoader
    where: str
    count: int = 0
    open: list[int] = field(default_factory=list)  # the nodes that are being read

    def read(self, node: yaml.Node, line: int | None = None) -> Located:
        line = node.start_mark.line + 1 if line is None else line
        self.count += 1
        if self.count > MOST_NODES:
            raise ValueError(f"{self.where}: more than {MOST_NODES:,} values, aliases written out")
        if id(node) in self.open:
            raise ValueError(f"{self.where}: line {line}: an alias stands inside what it names")
        if len(self.open) > DEEPEST:
            raise ValueError(f"{self.where}: line {line}: nested more than {DEEPEST} deep")
        if node.tag not in _PLAIN:
            raise ValueError(
                f"{self.where}: line {line}: only texts, numbers, truth values, null, lists and mappings are allowed, "
                f"got {_short(node.tag)}"
            )
        self.open.append(id(node))
        value = self._value(node, line)
        self.open.pop()
        return Located(value, line)

    def _value(self, node: yaml.Node, line: int) -> Any:
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.read(inner) for inner in node.value]
        try:
            value = self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError, KeyError, IndexError) as error:
            raise ValueError(f"{self.where}: line {line}: {_short(node.value)} cannot be read as a value") from error
        if isinstance(value, str):
            self._check_text(value, line)
        if isinstance(value, int) and abs(value) > 2**63:
            raise ValueError(f"{self.where}: line {line}: a number of more than 64 bits")
        if isinstance(value, float) and not abs(value) < float("inf"):
            raise ValueError(f"{self.where}: line {line}: numbers must be finite, got {value}")
        return value

    def _entries(self, node: yaml.MappingNode) -> Iterator[tuple[str, Located]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise ValueError(f"{self.where}: line {line}: merge keys (<<) are not read: write the fields out")
            key = self.read(key_node).value
            if not isinstance(key, str):
                raise ValueError(f"{self.where}: line {line}: a key must be a text, got {_short(str(key))}")
            if not key.isprintable() or len(key) > LONGEST_KEY:
                raise ValueError(f"{self.where}: line {line}: a key has at most {LONGEST_KEY} characters on one line")
            if key in seen:
                raise ValueError(f"{self.where}: line {line}: the key {_short(key)} is given twice")
            seen.add(key)
            yield key, self.read(value_node, line)

    def _check_text(self, text: str, line: int) -> None:
        """No control characters, no reversed writing, no mark-up: what is read here is printed and shown on pages."""
        for sign in text:
            if not (sign.isprintable() or sign in "\n\t") or unicodedata.category(sign) == "Cf":
                raise ValueError(f"{self.where}: line {line}: the character U+{ord(sign):04X} is not allowed in a text")
        for sign, after in pairwise(text):
            if sign == "<" and (after.isalpha() or after in "/!?"):
                raise ValueError(f"{self.where}: line {line}: mark-up is not allowed in a text, got {_short(text)}")
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"{self.where}: line {line}: a text of more than {LONGEST_TEXT} characters")


def _short(text: str) -> str:
    """A text from outside, fit for one line of a terminal."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")
