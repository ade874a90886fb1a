"""The numbers that ImageNet's development kit gives to classes, from its `meta.mat`.

That file is of MATLAB's level 5: elements of a type, a size and as many bytes, perhaps compressed, in which a structure
array `synsets` holds the fields ILSVRC2012_ID and WNID. Only what this needs is read. SciPy reads such files whole, but
believes the sizes that they claim.
Format: https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 32 * 2**20  # bytes, unpacked: 1,860 structures of eight short fields need a few million
HEADER = 128
MATRIX, COMPRESSED = 14, 15  # types of elements
STRUCTURE, CHARACTERS, NUMBERS = 2, 4, range(6, 16)  # classes of arrays
# The types of plain numbers; 16 and 17 are texts in UTF-8 and UTF-16.
KINDS = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8", 16: "u1", 17: "u2",
}  # fmt: skip
LOW_LEVEL = 1000  # numbers above are of groups of classes
SYNSET = re.compile(r"n\d{8}", re.ASCII)

Element = tuple[int, bytes]


def synsets_of_meta(path: Path) -> dict[int, str]:
    """Synsets by number, of the classes alone."""
    try:
        content = path.read_bytes()
        # Little endian, as all that is published.
        if len(content) < HEADER or content[126:128] != b"IM":
            raise ValueError("it is not a MATLAB file of level 5")
        return _synsets(content[HEADER:])
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror or error})") from error
    except (ValueError, zlib.error, struct.error, IndexError, OverflowError) as error:
        raise ValueError(f"{path} does not number the classes ({error}): take it from the development kit") from error


def _synsets(content: bytes) -> dict[int, str]:
    for kind, payload in _elements(content):
        element = next(_elements(_unpacked(payload)), (0, b"")) if kind == COMPRESSED else (kind, payload)
        if element[0] == MATRIX:
            (flags, dimensions, name), rest = _head(element[1])
            if name == b"synsets" and flags & 0xFF == STRUCTURE:
                return _numbered(math.prod(dimensions), rest)
    raise ValueError("it has no structure named synsets")


def _numbered(count: int, parts: list[Element]) -> dict[int, str]:
    """From the structures' parts: how long names of fields are, the names, and the values, field after field."""
    width = int(_values(parts[0])[0])
    if width < 1:
        raise ValueError("its fields have no names")
    fields = [parts[1][1][at : at + width].rstrip(b"\0") for at in range(0, len(parts[1][1]), width)]
    if b"ILSVRC2012_ID" not in fields or b"WNID" not in fields or len(parts) != 2 + count * len(fields):
        raise ValueError("its structures are not as they should be")
    found: dict[int, str] = {}
    for start in range(2, len(parts), len(fields)):
        row = dict(zip(fields, parts[start : start + len(fields)], strict=True))
        number, synset = _value(row[b"ILSVRC2012_ID"]), _value(row[b"WNID"])
        if not isinstance(number, int) or not isinstance(synset, str) or number in found:
            raise ValueError("a class has no number and synset of its own")
        if 1 <= number <= LOW_LEVEL:
            if not SYNSET.fullmatch(synset):
                raise ValueError(f"class {number} is {synset[:60]!r}, which is no synset")
            found[number] = synset
    return found


def _value(element: Element) -> int | str | None:
    """A text, or a single whole number."""
    if element[0] != MATRIX:
        return None
    (flags, _, _), rest = _head(element[1])
    if not rest:
        return None
    values = _values(rest[0])
    if flags & 0xFF == CHARACTERS:
        return "".join(map(chr, values.tolist())) if values.dtype.kind == "u" and (values < 128).all() else None
    if flags & 0xFF in NUMBERS and values.size == 1 and abs(float(values[0])) < 2**31 and values[0] == int(values[0]):
        return int(values[0])
    return None


def _head(matrix: bytes) -> tuple[tuple[int, list[int], bytes], list[Element]]:
    """An array's flags, dimensions and name, and the parts behind them."""
    parts = list(_elements(matrix))
    if len(parts) < 3:
        raise ValueError("an array is cut off")
    dimensions = [int(each) for each in _values(parts[1])]
    return (int(_values(parts[0])[0]), dimensions, parts[2][1]), parts[3:]


def _values(element: Element) -> NDArray[Any]:
    kind, payload = element
    if kind not in KINDS:
        raise ValueError(f"an element has the type {kind}")
    return np.frombuffer(payload, dtype="<" + KINDS[kind])


def _elements(content: bytes) -> Iterator[Element]:
    """Types and payloads, one after the other; small ones keep their size in the upper half of the type."""
    at = 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, at)
        if kind >> 16:
            kind, size = kind & 0xFFFF, kind >> 16
            begin, after = at + 4, at + 8
            if size > 4:
                raise ValueError("a small element is not small")
        else:
            begin = at + 8
            # All but compressed elements are filled up to eight bytes.
            after = begin + (size if kind == COMPRESSED else -(-size // 8) * 8)
        if begin + size > len(content):
            raise ValueError("an element is cut off")
        yield kind, content[begin : begin + size]
        at = after


def _unpacked(payload: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(payload, MOST)
    if not unpacker.eof:
        raise ValueError("what is packed in it is cut off, or too large")
    return content
