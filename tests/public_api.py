"""What users may call, as text: `python -m tests.public_api` writes it to public_api.txt, which a test holds it to."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import itnas
from itnas import recover
from itnas.behaviour.explanation import Explanation, LayerVerdict
from itnas.export.entry import Exported, export
from itnas.search.entry import run_again, run_search
from itnas.training.train import Trained

FROZEN = Path(__file__).with_name("public_api.txt")
# `itnas.export` and `itnas.search` are packages that can be called: what is meant are these.
CALLED = {"export": export, "search": run_search}
ALSO = {"Explanation": Explanation, "LayerVerdict": LayerVerdict, "Trained": Trained, "Exported": Exported}


def public_api() -> str:
    """One line for each function, class and member."""
    lines = [line for name in sorted(itnas.__all__) for line in _lines(f"itnas.{name}", _named(name))]
    lines += _lines("itnas.search.resume", run_again)
    lines += [line for name in recover.__all__ for line in _lines(f"itnas.recover.{name}", getattr(recover, name))]
    lines += [line for name, kind in ALSO.items() for line in _lines(name, kind)]
    return "\n".join(lines) + "\n"


def _named(name: str) -> Any:
    return CALLED.get(name) or getattr(itnas, name)


def _lines(name: str, what: Any) -> Iterator[str]:
    if inspect.isclass(what):
        yield f"class {name}{_signature(what)}"
        for member in sorted(_members(what)):
            found = inspect.getattr_static(what, member, None)
            plain = found.__func__ if isinstance(found, (classmethod, staticmethod)) else found
            yield f"  .{member}{_signature(plain) if callable(plain) else ''}"
    elif callable(what):
        yield f"{name}{_signature(what)}"
    else:
        yield name


def _members(kind: type) -> set[str]:
    """Those that the package's own classes define."""
    own = [base for base in kind.__mro__ if base.__module__.startswith("itnas.")]
    found = {name for base in own for name in (*vars(base), *vars(base).get("__annotations__", {}))}
    return {name for name in found if not name.startswith("_") and name != "model_config"}


def _signature(what: Any) -> str:
    """Names and defaults; what they are is for the type checker."""
    try:
        signature = inspect.signature(what)
    except ValueError:
        return "(...)"
    bare = [part.replace(annotation=part.empty) for part in signature.parameters.values()]
    # An address in a default's text is another one in every process.
    return str(
        inspect.Signature([part.replace(default=...) if " at 0x" in repr(part.default) else part for part in bare])
    )


if __name__ == "__main__":
    FROZEN.write_text(public_api())
