"""Runs that are published beside their results: they open, and say what the tables say."""

import json
import re
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import findings, modalities, numbers
from benchmarks.sweeps import found_anywhere, found_in_blocks, searched_beside_specialists
from itnas.run import Run
from itnas.store.kernels import KernelFile

# Of each published run the tables that are made of nothing else.
TABLES = {
    modalities: {
        "emerged": found_anywhere,
        "emerged_in_blocks": found_in_blocks,
        "beside_specialists": searched_beside_specialists,
    },
    findings: {
        "what_emerged": found_anywhere,
        "searched_and_specialists": searched_beside_specialists,
        "searched_and_chance": findings.beside_chance,
    },
}
SECTIONS = [(published, section) for published, tables in TABLES.items() for section in tables]


@pytest.fixture(scope="module", params=TABLES, ids=lambda published: published.__name__)
def run(request: pytest.FixtureRequest) -> Run:
    return Run(request.param.SWEEP)


@pytest.mark.parametrize(("published", "section"), SECTIONS, ids=[section for _, section in SECTIONS])
def test_its_findings_are_those_of_the_tables(published: ModuleType, section: str) -> None:
    found = TABLES[published][section](Run(published.SWEEP))
    assert json.loads(json.dumps(found)) == json.loads(published.RESULTS.read_text())[section]


def test_kernels_of_what_was_searched_and_confirmed_are_there(run: Run) -> None:
    kept = {row["path"] for row in run.reader.kept() if row["what"] == "kernels"}
    assert len(kept) >= 12
    for path in kept:
        assert KernelFile.read(run.folder / path).examined()


def test_it_names_no_folder_of_the_machine_that_it_ran_on(run: Run) -> None:
    """Nothing that it holds begins as absolute paths do, and it names none of this machine's places."""
    content = Path(run.folder, "run.db").read_bytes()
    here = (Path(tempfile.gettempdir()), Path.home(), Path(sys.prefix), Path(__file__).parent.parent)
    assert not any(f"{place}/".encode() in content for place in here)
    assert not re.search(rb"[\"' =(]/[a-z]+/[\w.-]+/", content)


def test_nothing_is_said_of_what_emerged_where_no_untrained_copies_were_looked_at() -> None:
    known = {"task": "recall", "family": "attention", "networks": "3 of 4", "emerged": 0.5}
    scores = {"task": "recall", "searched": 0.9, "specialist": "gru", "its score": 0.5, "difference (95 %)": "+0.4"}
    measured = {"searched_and_specialists": [scores], "what_emerged": [known, known | {"emerged": None}]}
    (row,) = numbers.found(measured)
    assert row["some layer became"] == "attention in 3 of 4 (emerged in 2), attention in 3 of 4"
