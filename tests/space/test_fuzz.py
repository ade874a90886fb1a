"""Whatever a file holds, reading it ends in a space or in one sentence."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from itnas.shipped import folder
from itnas.space import Space

SOURCES = [path.read_bytes() for path in sorted(folder().glob("*.yaml"))]
STRANGE: list[Any] = [None, True, -1, 0, 2**70, 1e308, float("nan"), float("inf"), "", "x", "\x1b[31m", "<b>", "a\nb"]
STRANGE += [[], {}, [[]], {"choice": []}, {"int": [3, 1]}, {"float": [0, 1], "log": True}, {"subset": ["offset"]}]
STRANGE += [{"choice": [{"choice": [1, 2]}, 3]}, {"choice": [1, 1.0]}, "é" * 50, "../x", {"int": "x"}]
PIECES = [
    b"\x00",
    b"\xff",
    b"&a ",
    b"*a",
    b"!!python/object:x ",
    b"{",
    b"}",
    b"[",
    b"]",
    b": ",
    b"- ",
    b"\t",
    b"<<: *a",
]
PIECES += [b"%YAML 9.9\n", b"---\n", b"...\n", b"|", b">", b"'", b'"', b"\xe2\x80\xae", b"1e999", b"? ", b"#", b"\r"]


def bytes_changed(rng: random.Random) -> bytes:
    """Some bytes replaced, cut out, doubled, or pieces of YAML put in."""
    found = bytearray(rng.choice(SOURCES))
    for _ in range(rng.randint(1, 6)):
        place, length = rng.randrange(len(found) + 1), rng.choice((1, 2, 20))
        change = rng.randrange(4)
        if change == 0:
            found[place : place + length] = bytes(rng.randrange(256) for _ in range(length))
        elif change == 1:
            del found[place : place + length]
        elif change == 2:
            found[place:place] = rng.choice(PIECES)
        else:
            found[place:place] = found[place : place + length * 5]
        if not found:
            break
    return bytes(found)


def structure_changed(rng: random.Random) -> bytes:
    """Values, keys and domains exchanged, dropped or made strange."""
    document = yaml.safe_load(rng.choice(SOURCES))
    for _ in range(rng.randint(1, 4)):
        holder, key = rng.choice(list(_places(document)))
        change = rng.randrange(4)
        if change == 0:
            holder[key] = rng.choice(STRANGE)
        elif change == 1:
            del holder[key]
        elif change == 2:
            other, where = rng.choice(list(_places(document)))
            holder[key] = yaml.safe_load(yaml.safe_dump(other[where]))
        elif isinstance(holder, dict):
            holder[rng.choice(["choice", "int", "hiden", "kind", "min", "x" * 90, "\x1b"])] = holder.pop(key)
        if not document:
            break
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=rng.random() < 0.5).encode()


def _places(value: Any) -> Any:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield value, key
        yield from _places(part)


def check(content: bytes, path: Any) -> bool:
    path.write_bytes(content)
    try:
        space = Space.load(path)
    except ValueError as error:
        text = str(error)
        assert text.isprintable(), text
        assert len(text) < 700, text
        assert path.name in text, text
        return False
    assert space.tree() is not None
    assert all(name.isprintable() for name in space.parameters())
    return True


def fuzz(first: int, count: int, path: Any) -> dict[str, float]:
    kinds: list[Callable[[random.Random], bytes]] = [bytes_changed, structure_changed]
    started, spaces = time.monotonic(), 0
    for number in range(first, first + count):
        spaces += check(kinds[number % 2](random.Random(number)), path)
    return {"spaces": spaces, "seconds": time.monotonic() - started}


def test_a_thousand_broken_files(tmp_path: Any) -> None:
    found = fuzz(0, 1000, tmp_path / "broken.yaml")
    assert 10 < found["spaces"] < 900


@pytest.mark.slow
def test_ten_thousand_broken_files(tmp_path: Any, draw: int) -> None:
    found = fuzz(10_000 * draw, 10_000, tmp_path / "broken.yaml")
    assert 100 < found["spaces"] < 9000
