"""Every message that docs/troubleshooting.md quotes is still said somewhere in the source, word for word."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
QUOTED = re.compile(r"^```text\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
GAP = "..."  # what differs from time to time
WORDS = 8  # letters that a message has at least beside its gaps


def quoted() -> list[str]:
    return QUOTED.findall((ROOT / "docs" / "troubleshooting.md").read_text())


def template(node: ast.expr, constants: Mapping[str, str]) -> str:
    """A text of the source, with gaps where it is put together when it is said."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(template(part, constants) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return template(left, constants) + template(right, constants)
        case ast.FormattedValue(value=ast.Name(id=name)):
            return constants.get(name, GAP)
    return GAP


def joined(text: str) -> str:
    """Gaps that follow one another are one."""
    return re.sub(r"(\.\.\.)+", GAP, text)


def texts(source: str) -> Iterator[str]:
    """The texts of a module that it can say: docstrings are for readers."""
    tree = ast.parse(source)
    constants = {
        each.targets[0].id: template(each.value, {})
        for each in tree.body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
    }
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)) and id(node) not in told:
            yield joined(template(node, constants))


@cache
def said() -> frozenset[str]:
    files = (ROOT / "itnas").rglob("*.py")
    return frozenset(text for path in files for text in texts(path.read_text()))


@pytest.mark.parametrize("message", quoted())
def test_a_quoted_message_is_in_the_source(message: str) -> None:
    assert len(re.sub(r"\W", "", message)) >= WORDS, "too little to be told from other messages"
    assert joined(message) in said(), "quote it as the source says it, with ... for what differs"


def test_all_kinds_of_messages_are_quoted_once() -> None:
    messages = quoted()
    assert len(messages) > 50
    assert len(set(messages)) == len(messages)
    assert (ROOT / "docs" / "troubleshooting.md").read_text().count("```text") == len(messages)


SOURCE = '''
MORE = "take more"


def check(path, count):
    """no such folder: nowhere"""
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count} in {path!r}{path}: " f"{MORE}" + (path and "!"))
'''


@pytest.mark.parametrize(
    ("message", "known"),
    [
        ("count must be at least 1, got ... in ...: take more...", True),
        ("count must be at least 2, got ... in ...: take more...", False),
        ("count must be at least 1, got ... in ...: take", False),
        ("must be at least 1, got ... in ...: take more...", False),
        ("no such folder: nowhere", False),
    ],
)
def test_a_message_that_has_changed_is_found_out(message: str, known: bool) -> None:
    assert (joined(message) in set(texts(SOURCE))) is known
