"""How the help of a command reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from itnas.cli.endings import interruptible
from itnas.store.connect import DATABASE, blamed

COMPLETION = {
    "install_completion": "Have this shell complete commands, options and names.",
    "show_completion": "Print what that would install.",
}


class Command(TyperCommand):
    """Help without typer's own marks: `{name}` around what must be given, types of Python behind what is."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        _unmark(self.params)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [_bare(piece) for piece in super().collect_usage_pieces(ctx)]

    def get_help_option(self, ctx: Any) -> Any:
        return _told(super().get_help_option(ctx))

    def invoke(self, ctx: Any) -> Any:
        with interruptible():
            try:
                return super().invoke(ctx)
            except (typer.Exit, typer.Abort):
                raise
            except Exception:
                with blamed(*_databases(ctx.params)):
                    raise


class Group(TyperGroup):
    """The same for what has commands below it."""

    def get_params(self, ctx: Any) -> list[Any]:
        found: list[Any] = list(super().get_params(ctx))
        _unmark(found)
        for parameter in found:
            parameter.help = COMPLETION.get(parameter.name, parameter.help)
        return found

    def get_help_option(self, ctx: Any) -> Any:
        return _told(super().get_help_option(ctx))


def _databases(given: dict[str, Any]) -> list[Path]:
    """Of the runs that were named: RUN, or RUN:TRIAL."""
    texts = [str(value) for value in given.values() if isinstance(value, (str, Path))]
    folders = [Path(text) for told in texts for text in (told, told.rpartition(":")[0]) if text]
    return [folder / DATABASE for folder in folders if os.path.isfile(folder / DATABASE)]


def _unmark(parameters: list[Any]) -> None:
    for parameter in parameters:
        if getattr(parameter, "is_bool_flag", False):
            parameter.metavar = ""
        elif parameter.param_type_name == "argument":
            # What it takes stands in its help.
            parameter.display_type_rich = lambda **_: ""


def _bare(piece: str) -> str:
    """`{run}...` is `run...`."""
    return piece.replace("{", "").replace("}", "")


def _told(option: Any) -> Any:
    if option is not None:
        option.metavar, option.help = "", "Print this and stop."
    return option
