"""The whole command line as lines of text: `python -m tests.cli.surface > tests/cli/surface.txt`."""

import sys
from typing import Any

import typer

from itnas.cli.app import app


def commands(command: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every command, by the words that call it."""
    found = [(path, command)]
    for name, inner in getattr(command, "commands", {}).items():
        found += commands(inner, (*path, name))
    return found


COMMANDS = commands(typer.main.get_command(app))


def options(command: Any) -> list[Any]:
    """What a command takes, in the order of its help."""
    context = command.context_class(command, info_name=command.name)
    return list(command.get_params(context))


def surface() -> str:
    lines = []
    for path, command in COMMANDS:
        lines += [" ".join(("itnas", *path)), f"  {command.help.splitlines()[0]}"]
        lines += [f"  {_line(each)}" for each in options(command)]
    return "\n".join(lines) + "\n"


def _line(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        words = [f"{parameter.metavar}{'...' if parameter.nargs == -1 else ''}"]
    else:
        words = ["/".join(parameter.opts), parameter.metavar or ""]
    words += ["required"] if parameter.required else []
    words += ["repeatable"] if getattr(parameter, "multiple", False) else []
    default = "" if parameter.default in (None, False, True) else f"= {parameter.default}"
    return " ".join(filter(None, (*words, default, f": {parameter.help}")))


if __name__ == "__main__":
    sys.stdout.write(surface())
