"""`itnas spaces`: the list, one space in full, and what cannot be shown."""

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from itnas.space import Space
from tests.space.spaces import SHIPPED
from tests.started import itnas


def run(*arguments: str, columns: int = 80) -> subprocess.CompletedProcess[str]:
    return itnas("spaces", *arguments, COLUMNS=str(columns))


def test_the_list_names_every_space_with_its_figures() -> None:
    shown = run()
    assert shown.returncode == 0, shown.stderr
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    for name in SHIPPED:
        assert f"│ {name} " in shown.stdout
    assert "4 parameters; 72 combinations" in shown.stdout
    assert "without end: some are" in shown.stdout


def test_rows_of_csv_are_in_the_order_asked_for() -> None:
    names = ["specialists", "itnet-s"]
    assert [row["name"] for row in csv.DictReader(io.StringIO(run(*names, "--csv").stdout))] == names


def test_the_list_as_json() -> None:
    rows = {row["name"]: row for row in json.loads(run("--json").stdout)}
    assert sorted(rows) == SHIPPED
    assert rows["full"]["size"] is rows["full"]["genomes"] is None
    assert rows["rank"]["constraints"] == {"parameters": 60000}
    low, number, high = (rows["kernels"][key] for key in ("genomes_low", "genomes", "genomes_high"))
    assert low <= number <= high <= rows["kernels"]["size"]


@pytest.mark.parametrize("name", SHIPPED)
def test_one_in_full_shows_every_domain(name: str) -> None:
    shown = run(name, columns=400)
    assert shown.returncode == 0, shown.stderr
    for row in Space.load(name).tree():
        if row.kind not in ("option", "fixed"):
            assert row.text in shown.stdout
    assert f"{len(Space.load(name).parameters())} parameters" in shown.stdout
    assert "Constraints: " in shown.stdout
    (described,) = json.loads(run(name, "--json").stdout)
    if described["genomes_exact"] and described["parameters"]:
        assert f"{described['genomes']:,} different genomes" in shown.stdout
    assert [row["path"] for row in described["domains"]] == [row.path for row in Space.load(name).tree()]


def test_names_with_brackets_are_no_mark_up_of_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("summary: '[bold]x[/bold]'\ntraining: {learning_rates: {choice: [[0.1], [0.2, 0.3]]}}\n")
    shown = run(str(path)).stdout
    assert "[bold]x[/bold]" in shown
    assert "[0.1] | [0.2, 0.3]" in shown


def test_the_schema_is_json() -> None:
    assert json.loads(run("--schema").stdout)["title"] == "A search space of itnas"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["emergnce"], "unknown search space (and no such file) 'emergnce'"),
        (["../no-such-space"], "no such file: ../no-such-space"),
        (["rank", "--json", "--csv"], "--json and --csv exclude each other"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments: list[str], message: str) -> None:
    found = run(*arguments)
    assert found.returncode == 2
    assert message in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1
