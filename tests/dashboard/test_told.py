"""The sentences of the page of findings."""

from typing import Any

from itnas.dashboard.pages.findings import told


def _row(family: str, count: int, emerged: int, null: float) -> dict[str, Any]:
    share = {"share": count / 16, "low": count / 20, "high": 1.0, "emerged": emerged / 16, "null": null}
    return {"layer": None, "family": family, "count": count, "networks": 16, **share}


def test_what_emerged_comes_first_and_what_untrained_copies_show_is_not_passed_over() -> None:
    sentence = told([_row("local", 12, 11, 0.0), _row("recurrence", 5, 0, 1.0), _row("dense", 2, 0, 0.5)])
    assert sentence == (
        "local in 12 of 16 networks (95 %: 0.60 to 1.00; emerged in 11; untrained 0.00); "
        "as untrained copies do, or nearly: "
        "recurrence in 5 of 16 networks (95 %: 0.25 to 1.00; emerged in 0; untrained 1.00)"
    )


def test_where_nothing_emerged_it_says_what_networks_are_all_the_same() -> None:
    sentence = told([_row("recurrence", 16, 0, 1.0)])
    assert sentence.startswith("nothing emerged that untrained copies do not show; as untrained copies do, or nearly: ")
    assert "recurrence in 16 of 16 networks" in sentence


def test_before_untrained_copies_are_looked_at_nothing_is_said_of_them() -> None:
    unknown = _row("local", 4, 0, 0.0) | {"emerged": None, "null": None}
    sentence = "no untrained copies have been looked at yet; local in 4 of 16 networks (95 %: 0.20 to 1.00)"
    assert told([unknown]) == sentence
    # Where no layer became anything that a task may want.
    assert told([unknown | {"layer": 0, "family": "none"}]) == "no untrained copies have been looked at yet"
