"""The command line: help everywhere, one sentence for bad input, and exit codes that scripts can use."""

import json
from pathlib import Path

import click
import pytest
import typer

import itnas as package
from benchmarks.sections import renewed
from itnas.cli.app import app
from tests.started import itnas, itnas_from_nothing


def commands(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = [(path, command)]
    for name, inner in getattr(command, "commands", {}).items():
        found += commands(inner, (*path, name))
    return found


COMMANDS = commands(typer.main.get_command(app))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) or "itnas" for path, _ in COMMANDS])
def test_every_command_and_option_has_help(path: tuple[str, ...], command: click.Command) -> None:
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{' '.join(path)} {parameter.name} has no help"


def test_version() -> None:
    result = itnas("--version")
    assert (result.returncode, result.stdout.strip()) == (0, f"itnas {package.__version__}")


def test_bad_input_is_one_sentence_and_exit_code_2() -> None:
    result = itnas_from_nothing("bench", "operator", "--only", "fusd")
    assert result.returncode == 2
    assert result.stderr.strip().splitlines() == [
        "itnas: unknown section 'fusd': choose from fused, memory, sorted, peers, crossover, poisson"
    ]
    assert itnas("bench", "operator", "--nope").returncode == 2
    assert itnas("nope").returncode == 2


def test_bench_prints_json(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.json"
    result = itnas("bench", "operator", "--only", "memory", "--quick", "--json", "--out", str(out))
    assert result.returncode == 0, result.stderr
    measured = json.loads(result.stdout)
    assert measured == json.loads(out.read_text())
    assert measured["machine"]["cores"] >= 1
    assert all(row["eager / fused"] > 10 for row in measured["memory"])


@pytest.mark.slow
def test_no_plan_is_faster_than_the_fastest(tmp_path: Path) -> None:
    result = itnas("bench", "operator", "--only", "crossover", "--quick", "--json", "--out", tmp_path / "out.json")
    assert result.returncode == 0, result.stderr
    for row in json.loads(result.stdout)["crossover"]:
        assert row["auto / fastest"] >= 1
        assert row[f"{row['auto']} ms"] > 0


@pytest.mark.parametrize("content", ["garbage", "[1]", ""])
def test_bench_adds_to_results_alone(tmp_path: Path, content: str) -> None:
    """Said before anything is measured."""
    out = tmp_path / "out.json"
    out.write_text(content)
    result = itnas("bench", "operator", "--only", "crossover", "--out", str(out))
    assert result.returncode == 2
    told = f"itnas: --out {out} holds no results that --only could add to: name another file\n"
    assert (result.stdout, result.stderr) == ("", told)
    assert out.read_text() == content


def test_each_section_keeps_the_machine_that_it_was_measured_on() -> None:
    first = renewed({}, {"machine": {"cpu": "a"}, "fused": [1], "memory": [2]})
    assert first == {"machine": {"cpu": "a"}, "fused": [1], "memory": [2]}
    second = renewed(first, {"machine": {"cpu": "b"}, "memory": [3], "peers": [4]})
    here = {"fused": [1], "memory": [3], "peers": [4]}
    assert second == {"machine": {"cpu": "b"}, "machines": {"fused": {"cpu": "a"}}, **here}
    third = renewed(second, {"machine": {"cpu": "c"}, "peers": [5]})
    assert third["machines"] == {"fused": {"cpu": "a"}, "memory": {"cpu": "b"}}
    assert renewed(second, {"machine": {"cpu": "b"}, "fused": [6]}) == {"machine": {"cpu": "b"}, **here, "fused": [6]}


@pytest.mark.parametrize(
    ("name", "section", "column"),
    [
        ("population", "stack", "one by one / stacked"),
        ("population", "data", "draw / step"),
        pytest.param("behaviour", "long", "named", marks=pytest.mark.slow),
        ("behaviour", "untrained", "share"),
        ("dashboard", "polls", "ms"),
        ("dashboard", "sizes", "kB"),
        pytest.param("dashboard", "paint", "seconds", marks=[pytest.mark.slow, pytest.mark.browser]),
        pytest.param("dashboard", "interactions", "ms", marks=[pytest.mark.slow, pytest.mark.browser]),
        pytest.param("behaviour", "thresholds", "pure", marks=pytest.mark.slow),
        pytest.param("behaviour", "trained", "became", marks=pytest.mark.slow),
        pytest.param("population", "mastery", "gru", marks=pytest.mark.slow),
        pytest.param("reference", "mqar", "attention", marks=pytest.mark.slow),
        pytest.param("reference", "mad", "average", marks=pytest.mark.slow),
    ],
)
def test_every_section_of_every_benchmark_runs(tmp_path: Path, name: str, section: str, column: str) -> None:
    """Quickly: one size each. Sections that were not asked for stay as the file has them."""
    out = tmp_path / "out.json"
    out.write_text('{"other": [1]}')
    result = itnas("bench", name, "--only", section, "--quick", "--json", "--out", str(out))
    assert result.returncode == 0, result.stderr
    measured = json.loads(result.stdout)
    assert all(column in row for row in measured[section])
    assert json.loads(out.read_text()) == {"other": [1]} | measured
