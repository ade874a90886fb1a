"""A spec as the constructor call that it stands for, laid out as `ruff format` does."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any

from itnas.export.pieces import PIECES

WIDTH = 120


def rendered(spec: Any, *, indent: int = 0, before: int = 0, after: int = 0) -> str:
    """Python for a spec at that indentation, with so many characters before and after it on its line.

    Arguments that are as the constructor has them anyway are left out.
    """
    line = _line(spec)
    if indent + before + len(line) + after <= WIDTH or not (isinstance(spec, Mapping) or _long(spec)):
        return line
    inner = indent + 4
    if isinstance(spec, Mapping):
        parts = [
            f"{name}={rendered(part, indent=inner, before=len(name) + 1, after=1)},"
            for name, part in _arguments(spec).items()
        ]
        return _block(f"{spec['piece']}(", parts, ")", indent)
    if _repeated(spec):
        parts = [rendered(spec[0], indent=inner), f"for _ in range({len(spec)})"]
    else:
        parts = [f"{rendered(part, indent=inner, after=1)}," for part in spec]
    return _block("[", parts, "]", indent)


def _line(spec: Any) -> str:
    if isinstance(spec, Mapping):
        return f"{spec['piece']}({', '.join(f'{name}={_line(part)}' for name, part in _arguments(spec).items())})"
    if isinstance(spec, (list, tuple)):
        if _repeated(spec):
            return f"[{_line(spec[0])} for _ in range({len(spec)})]"
        return f"[{', '.join(map(_line, spec))}]"
    return f'"{spec}"' if isinstance(spec, str) else repr(spec)


def _arguments(spec: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {name: each.default for name, each in signature(PIECES[spec["piece"]]).parameters.items()}
    return {
        name: part
        for name, part in spec.items()
        if name != "piece" and (defaults[name] is Parameter.empty or not _same(part, defaults[name]))
    }


def _same(part: Any, default: Any) -> bool:
    return bool(part == (list(default) if isinstance(default, tuple) else default))


def _repeated(spec: Any) -> bool:
    """Whether a list holds one and the same module several times over."""
    return len(spec) > 1 and isinstance(spec[0], Mapping) and all(part == spec[0] for part in spec)


def _long(spec: Any) -> bool:
    return isinstance(spec, (list, tuple)) and len(spec) > 0


def _block(opening: str, parts: list[str], closing: str, indent: int) -> str:
    inside = "\n".join(" " * (indent + 4) + part for part in parts)
    return f"{opening}\n{inside}\n{' ' * indent}{closing}"
