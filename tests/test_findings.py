"""What a sweep concludes, from planted tables."""

import itertools
from typing import Any

import pytest

from itnas.findings import at_equal_count, block_findings, expected_best, findings


def _trial(number: int, origin: str = "sampler", score: float | None = 0.5, **more: Any) -> dict[str, Any]:
    state = "complete" if score is not None else "pruned"
    row = {"number": number, "task": "recall", "genome": f"g{number}", "name": None, "origin": origin, "state": state}
    return row | {"score": score, "score_low": score, "score_high": score, "parameters": 100} | more


def _confirmed(trial: int, score: float, test: float) -> dict[str, Any]:
    tested = {"test_score": test, "test_low": test - 0.1, "test_high": test + 0.1}
    return {"trial": trial, "task": "recall", "state": "complete", "score": score} | tested


def _layer(trial: int, replica: int, layer: int, family: str, **more: Any) -> dict[str, Any]:
    row = {"trial": trial, "task": "recall", "genome": f"g{trial}", "origin": "sampler", "phase": "confirm"}
    told = {"replica": replica, "layer": layer, "head": None, "family": family, "emerged": True}
    return row | told | {"untrained": ["mixed", "local"]} | more


def test_a_family_is_found_wherever_it_stands_in_the_network() -> None:
    """In some networks layer 1 attends, in others layer 2: the task wants attention in all of them."""
    layers = []
    for trial, replica in itertools.product(range(3), range(5)):
        first, second = ("attention", "pointwise") if replica % 2 else ("convolution", "attention")
        layers += [_layer(trial, replica, 0, first), _layer(trial, replica, 1, second)]
    rows = findings(["recall"], [_trial(number) for number in range(3)], [], layers, {})
    anywhere = {row["family"]: row for row in rows if row["layer"] is None}
    assert next(iter(anywhere)) == "attention"
    assert (anywhere["attention"]["count"], anywhere["attention"]["networks"]) == (15, 15)
    assert anywhere["attention"]["genomes"] == 3
    assert anywhere["convolution"]["count"] == 9
    assert anywhere["attention"]["null"] == 0.0
    assert anywhere["attention"]["emerged"] == 1.0
    assert [(row["layer"], row["family"], row["count"]) for row in rows if row["layer"] is not None] == [
        (0, "convolution", 9),
        (1, "attention", 9),
    ]
    assert all(row["basis"] == "confirmed" for row in rows)


def test_what_untrained_copies_show_is_their_share_of_networks() -> None:
    """A copy shows a family if any of its layers does."""
    layers = [
        _layer(0, 0, 0, "attention", untrained=["attention", "mixed", "local", "mixed"], emerged=False),
        _layer(0, 0, 1, "local", untrained=["mixed", "attention", "local", "mixed"], emerged=False),
    ]
    rows = findings(["recall"], [_trial(0)], [], layers, {})
    nulls = {row["family"]: row["null"] for row in rows if row["layer"] is None}
    assert nulls == {"attention": 0.5, "local": 0.25}
    assert all(row["emerged"] == 0.0 for row in rows)


def test_what_emerged_goes_before_what_was_there() -> None:
    layers = [
        _layer(0, 0, 0, "recurrence", emerged=False, untrained=["recurrence"]),
        _layer(0, 0, 1, "attention", untrained=["mixed"]),
    ]
    rows = findings(["recall"], [_trial(0)], [], layers, {})
    assert [row["family"] for row in rows if row["layer"] is None] == ["attention", "recurrence"]


def test_specialists_and_heads_have_no_say() -> None:
    layers = [
        _layer(0, 0, 0, "attention"),
        _layer(0, 0, 0, "recurrence", head=1),
        _layer(1, 0, 0, "recurrence", origin="specialist"),
        _layer(0, 0, 0, "dense", phase="search"),
    ]
    rows = findings(["recall"], [_trial(0), _trial(1, "specialist")], [], layers, {})
    assert {row["family"] for row in rows} == {"attention"}


def test_before_anything_is_confirmed_the_search_has_its_say() -> None:
    rows = findings(["recall"], [_trial(0)], [], [_layer(0, 0, 0, "attention", phase="search", untrained=[])], {})
    assert {(row["family"], row["basis"], row["null"]) for row in rows} == {("attention", "search", None)}


def test_what_emerged_is_unknown_where_no_untrained_copies_were_looked_at() -> None:
    examined = _layer(0, 0, 0, "attention", phase="search", untrained=[], emerged=None)
    rows = findings(["recall"], [_trial(0)], [], [examined], {})
    assert [(row["layer"], row["count"], row["emerged"], row["null"]) for row in rows] == [
        (None, 1, None, None),
        (0, 1, None, None),
    ]
    looked_at = _layer(0, 0, 0, "attention", emerged=False)
    assert [row["emerged"] for row in findings(["recall"], [_trial(0)], [], [looked_at], {})] == [0.0, 0.0]


def test_a_task_of_which_nothing_is_known_has_a_row_all_the_same() -> None:
    (row,) = findings(["recall"], [], [], [], {})
    assert row["family"] is None
    assert row["best_trial"] is None
    assert "no network has been examined yet" in row["sentence"]
    assert set(row) == set(findings(["recall"], [_trial(0)], [], [_layer(0, 0, 0, "attention")], {})[0])


def test_the_best_is_chosen_by_fresh_seeds_and_never_by_the_test_split() -> None:
    trials = [
        _trial(0, score=0.9),
        _trial(1, score=0.8),
        _trial(2, "specialist", 0.7, name="gru"),
        _trial(3, score=0.99),
    ]
    confirmed = [_confirmed(0, 0.5, 0.95), _confirmed(1, 0.6, 0.4), _confirmed(2, 0.7, 0.66)]
    (row,) = findings(["recall"], trials, confirmed, [], {})
    assert (row["best_trial"], row["score"], row["test_score"]) == (1, 0.8, 0.4)
    assert (row["specialist"], row["specialist_score"], row["specialist_test_score"]) == ("gru", 0.7, 0.66)


@pytest.mark.parametrize(("scores", "count"), [([3.0, 1.0, 2.0], 2), ([0.5, 0.5, 0.1, 0.9, 0.2], 3), ([1.0], 1)])
def test_the_best_of_so_many_is_the_mean_over_all_ways_to_pick_them(scores: list[float], count: int) -> None:
    ways = [max(each) for each in itertools.combinations(scores, count)]
    assert expected_best(scores, count) == pytest.approx(sum(ways) / len(ways))


def test_the_arms_are_compared_at_as_many_trials() -> None:
    trials = [_trial(0, "random", 0.3), _trial(1, "random", 0.5), *(_trial(n, "sampler", 0.6) for n in (2, 3, 4))]
    assert at_equal_count(trials) == (pytest.approx(0.5), pytest.approx(0.6), 2)
    assert at_equal_count([_trial(0, "random", 0.3)]) == (None, None, 0)


def test_trials_that_were_stopped_count_as_the_worst_that_ended() -> None:
    stopped = [_trial(n, "sampler", None) for n in (2, 3)]
    trials = [_trial(0, "random", 0.3), _trial(1, "random", 0.5), *stopped, _trial(4, "sampler", 0.6)]
    # Of three pairs two have the one that ended, and one has nothing but what was stopped.
    assert at_equal_count(trials) == (pytest.approx(0.5), pytest.approx((0.6 + 0.6 + 0.3) / 3), 2)
    assert at_equal_count([*trials[:2], *stopped]) == (pytest.approx(0.5), None, 2)


def test_what_early_scores_told_stands_in_the_rows() -> None:
    early = [{"rung": 1, "trials": 5, "correlation": None}, {"rung": 2, "trials": 4, "correlation": 0.5}]
    (row,) = findings(["recall"], [], [], [], {"recall": early})
    assert (row["rung_correlations"], row["rung_trials"]) == ([None, 0.5], 5)


def _block(name: str, family: str, **more: Any) -> dict[str, Any]:
    return {"block": name, "family": family, "emerged": True, "untrained": ["dense", "none"]} | more


def test_blocks_have_findings_of_their_own() -> None:
    layers = []
    for trial, replica in itertools.product(range(2), range(3)):
        across = "attention" if (trial, replica) != (1, 2) else "dense"
        first = [_block("image", "convolution"), _block("image -> text", "none")]
        second = [_block("image", "none"), _block("image -> text", across)]
        layers += [_layer(trial, replica, 0, "mixed", blocks=first), _layer(trial, replica, 1, "mixed", blocks=second)]
    rows = block_findings(["recall"], layers)
    told = {(row["block"], row["layer"], row["family"]): (row["count"], row["networks"], row["null"]) for row in rows}
    assert told["image -> text", None, "attention"] == (5, 6, 0.0)
    assert told["image -> text", None, "dense"] == (1, 6, 0.5)
    assert told["image -> text", 1, "attention"] == (5, 6, 0.0)
    assert told["image", None, "convolution"] == (6, 6, 0.0)
    assert told["image", 1, "none"][:2] == (6, 6)
    assert {row["basis"] for row in rows} == {"confirmed"}
    assert block_findings(["recall"], [_layer(0, 0, 0, "attention")]) == []
    assert block_findings(["induction"], layers) == []
