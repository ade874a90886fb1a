"""What checks shape annotations while tests run."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beartype import beartype
from jaxtyping import config, install_import_hook

import itnas

# Compiled by numba or Triton from their source: nothing may wrap them.
COMPILED = ("_numba", "_triton", "_triton_kernels")
_OF_A_SHAPE = re.compile(r"\b(Bool|Complex|Float|Int|Num|Shaped)\[")


def with_shapes() -> list[str]:
    """The modules that annotate shapes, found by their files: to import one would be too early to wrap it."""
    root = Path(itnas.__file__).parent
    files = [path for path in sorted(root.rglob("*.py")) if "from jaxtyping import" in path.read_text(encoding="utf-8")]
    found = [".".join(path.relative_to(root.parent).with_suffix("").parts) for path in files]
    return [name for name in found if not name.endswith(COMPILED)]


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Checks the annotations of shapes alone: the others are mypy's, and name what is not imported while it runs."""
    noted = function.__annotations__
    function.__annotations__ = {name: hint for name, hint in noted.items() if _OF_A_SHAPE.search(str(hint))}
    return beartype(function) if function.__annotations__ else function


@contextmanager
def unchecked() -> Iterator[None]:
    """As a user calls it: where a function says itself what is wrong with a shape."""
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", False)


def check_shapes() -> None:
    """From now on, in whatever is imported."""
    install_import_hook(with_shapes(), f"{__name__}.{checked.__name__}")
