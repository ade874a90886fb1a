"""The whole command line: frozen in a file, spoken in one voice."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from itnas.search.settings import SweepSettings
from tests.cli.surface import COMMANDS, options, surface

FROZEN = Path(__file__).parent / "surface.txt"
# One word for one thing.
TAKES = {
    "<task>", "<n>", "<x>", "<seconds>", "<n|nx>", "<n,n,...>", "<name>", "<names>", "<folder>", "<file>", "<path>",
    "<run>", "<host:port>", "<address>",
}  # fmt: skip
VERBS = ("Search", "Go", "Say", "List", "Ask", "Serve", "Write", "Train", "Replace", "Measure")
LEAVES = [(path, command) for path, command in COMMANDS if not hasattr(command, "commands")]
IDS = [" ".join(path) for path, _ in LEAVES]


def test_nothing_changes_unnoticed() -> None:
    assert surface() == FROZEN.read_text(encoding="utf-8"), "run `python -m tests.cli.surface > tests/cli/surface.txt`"


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=IDS)
def test_help_is_of_one_voice(path: tuple[str, ...], command: Any) -> None:
    assert command.help.split()[0] in VERBS
    for parameter in options(command):
        assert parameter.help.endswith("."), parameter.name
        assert parameter.help[0].isupper() or parameter.help.startswith(("native:", "score,")), parameter.name
        if parameter.param_type_name == "option":
            assert parameter.metavar in ({""} if parameter.is_flag else TAKES), parameter.name
        if parameter.default not in (None, False, True):
            assert f"(default: {parameter.default})." in parameter.help, parameter.name


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=IDS)
def test_help_shows_no_types_of_python(path: tuple[str, ...], command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"], prog_name="itnas " + " ".join(path))
    shown = capsys.readouterr().out
    for mark in ("<bool>", "<str>", "<int>", "<float>", "<path>  ", "list[", "{", "}"):
        assert mark not in shown or (mark == "<path>  " and path == ("export",)), shown


def test_options_come_in_one_order() -> None:
    """What two commands share stands in the same order in both."""
    before: dict[tuple[str, str], str] = {}
    for path, command in LEAVES:
        names = [each.opts[0] for each in options(command) if each.param_type_name == "option"]
        for one, other in combinations(names, 2):
            before.setdefault((one, other), " ".join(path))
            assert (other, one) not in before, f"{other} before {one}: {before[other, one]}, and after: {path}"


def test_options_that_share_a_name_take_the_same() -> None:
    seen: dict[str, tuple[Any, list[str]]] = {}
    # What is written is a file in one command and a folder in another.
    apart = {"--out", "--length"}
    for _, command in LEAVES:
        for each in options(command):
            if each.param_type_name == "option" and each.opts[0] not in apart:
                assert seen.setdefault(each.opts[0], (each.metavar, each.opts)) == (each.metavar, each.opts)


def test_every_listing_takes_json_and_csv() -> None:
    for path, command in LEAVES:
        names = {each.opts[0] for each in options(command)}
        assert "--json" in names, path
        if command.help.startswith("List") or path in (("findings",), ("doctor",), ("explain",)):
            assert "--csv" in names, path


def test_defaults_of_a_sweep_are_those_that_help_shows() -> None:
    (search,) = (command for path, command in LEAVES if path == ("search",))
    shown = {each.name: each.help for each in options(search)}
    settings = SweepSettings().to_dict()
    for name, value in settings.items():
        if isinstance(value, (int, float, str)):
            assert f"(default: {value:g})." in shown[name] if isinstance(value, float) else f"{value})." in shown[name]
