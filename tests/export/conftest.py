"""A small sweep with confirmed, examined networks, and one whose networks were not kept."""

from pathlib import Path

import pytest

import itnas

SETTINGS = {
    "trials": 2,
    "steps": 12,
    "length": 16,
    "replicas": 1,
    "rungs": 2,
    "specialists": ("gru",),
    "random_share": 0.0,
}


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    more = {"confirm": 1, "confirm_replicas": 2, "copies": 1, "keep": 2}
    itnas.search("emergence", ["flip-flop", "local-pattern"], run=folder, engine="inline", **(SETTINGS | more))
    return folder


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "bare"
    more = {"confirm": 0, "keep": 0, "verdicts": "none"}
    itnas.search("emergence", "flip-flop", run=folder, engine="inline", **(SETTINGS | more))
    return folder
