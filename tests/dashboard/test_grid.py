"""The grid: filters, orders and portions, each beside a slow twin; and models that no grid would send."""

import csv
import io
import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itnas.dashboard.choices import Choices
from itnas.dashboard.grid import COLUMNS, ONLY, TEXTS, filtered, grid, ordered, portion, sorting, trials_csv
from itnas.dashboard.view import RunView
from tests.dashboard import runs
from tests.dashboard.planting import BEGUN

NUMBERS = ("number", "score", "parameters")
WORDS = ("whose", "state", "reason")
Row = dict[str, Any]


def plainly(row: Row, name: str, asked: Any) -> bool:
    """Whether a filter keeps a row, said slowly."""
    if name not in COLUMNS or not isinstance(asked, dict):
        return True
    kind, wanted, value = asked.get("type"), asked.get("filter"), row[name]
    missing = value is None or value != value or value == ""
    if kind in ("blank", "notBlank"):
        return missing == (kind == "blank")
    if name in TEXTS:
        if not isinstance(wanted, str):
            return True
        text, wanted = (value or "").lower(), wanted.lower()
        texts: dict[Any, Callable[[], bool]] = {
            "equals": lambda: text == wanted,
            "notEqual": lambda: text != wanted,
            "startsWith": lambda: text.startswith(wanted),
            "endsWith": lambda: text.endswith(wanted),
            "notContains": lambda: wanted not in text,
        }
        return texts.get(kind, lambda: wanted in text)()
    value = math.nan if missing else value
    high = asked.get("filterTo")
    if not isinstance(wanted, (int, float)):
        return True
    if kind == "inRange":
        return not isinstance(high, (int, float)) or wanted <= value <= high
    numbers: dict[Any, Callable[[], bool]] = {
        "equals": lambda: value == wanted,
        "notEqual": lambda: value != wanted,
        "lessThan": lambda: value < wanted,
        "lessThanOrEqual": lambda: value <= wanted,
        "greaterThan": lambda: value > wanted,
        "greaterThanOrEqual": lambda: value >= wanted,
    }
    return numbers.get(kind, lambda: True)()


def sorted_plainly(rows: list[Row], model: list[Row]) -> list[Row]:
    """By the last key first, as sorting is stable; what is missing comes last whichever way."""
    for each in reversed(model):
        name = each["colId"]
        there = [row for row in rows if row[name] is not None and row[name] == row[name]]
        gone = [row for row in rows if row not in there]
        values = sorted({row[name] for row in there}, reverse=each.get("sort") == "desc")
        rows = [row for value in values for row in there if row[name] == value] + gone
    return rows


TEXT = st.one_of(st.none(), st.sampled_from(["", "a", "A.", "a.*b", "[", "(x", "Gru", "gru", "%", "\\"]))
NUMBER = st.one_of(st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, 2.0]), st.floats(-3, 3))
ROW = st.fixed_dictionaries(
    dict.fromkeys(WORDS, TEXT) | {"score": NUMBER, "parameters": NUMBER, "number": st.integers(0, 10**6)}
)
ROWS = st.lists(ROW, max_size=12, unique_by=lambda row: row["number"])
OF_BOTH = ("equals", "notEqual", "blank", "notBlank", "nonsense")
TEXT_KINDS = st.sampled_from([*OF_BOTH, "contains", "notContains", "startsWith", "endsWith"])
NUMBER_KINDS = st.sampled_from(
    [*OF_BOTH, "lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual", "inRange"]
)
OF_TEXT = st.fixed_dictionaries({"type": TEXT_KINDS}, optional={"filter": TEXT})
OF_NUMBER = st.fixed_dictionaries(
    {"type": NUMBER_KINDS}, optional={"filter": st.floats(-3, 3), "filterTo": st.floats(-3, 3)}
)
FILTERS = st.dictionaries(st.sampled_from(WORDS), OF_TEXT, max_size=2).flatmap(
    lambda texts: st.dictionaries(st.sampled_from(NUMBERS), OF_NUMBER, max_size=2).map(lambda other: texts | other)
)
ORDERS = st.lists(
    st.fixed_dictionaries(
        {"colId": st.sampled_from(NUMBERS + WORDS)}, optional={"sort": st.sampled_from(["asc", "desc"])}
    ),
    max_size=3,
    unique_by=lambda each: each["colId"],
)


def frame(rows: list[Row]) -> pd.DataFrame:
    """As a follower has it: numbers in columns of numbers, texts as objects."""
    found = pd.DataFrame(rows, columns=[*WORDS, *NUMBERS])
    return found.astype({"score": "float64", "parameters": "float64"} | dict.fromkeys(WORDS, "object"))


@given(ROWS, FILTERS)
def test_filters_leave_what_the_slow_twin_leaves(rows: list[Row], model: Row) -> None:
    wanted = [row["number"] for row in rows if all(plainly(row, name, asked) for name, asked in model.items())]
    assert filtered(frame(rows), model)["number"].tolist() == wanted


@given(ROWS, ORDERS)
def test_orders_are_those_of_the_slow_twin(rows: list[Row], model: list[Row]) -> None:
    wanted = [row["number"] for row in sorted_plainly(rows, model)]
    assert ordered(frame(rows), model)["number"].tolist() == wanted


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    folder = tmp_path_factory.mktemp("grid") / "many"
    runs.many(folder)
    return RunView("many", folder)


@pytest.fixture(scope="module")
def numbers(many: RunView) -> dict[bool, list[int]]:
    """As they come, and from the best."""
    rows = many.trials().to_dict("records")
    best = sorted(rows, key=lambda row: math.inf if row["score"] != row["score"] else -row["score"])
    return {False: [row["number"] for row in rows], True: [row["number"] for row in best]}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunView]:
    place = tmp_path_factory.mktemp("grid")
    for name, make in runs.ODD.items():
        make(place / name)
    return {name: RunView(name, place / name) for name in runs.ODD}


@given(start=st.integers(-50, 10_100), length=st.integers(-50, 1_200), best=st.booleans())
def test_portions_of_ten_thousand(
    many: RunView, numbers: dict[bool, list[int]], start: int, length: int, best: bool
) -> None:
    order = [{"colId": "score", "sort": "desc"}] if best else []
    found = portion(many, Choices(), [], {"startRow": start, "endRow": start + length, "sortModel": order})
    first = max(start, 0)
    wanted = numbers[best][first : max(start + length, first)][:1_000]
    assert found["rowCount"] == 10_000
    assert [row["number"] for row in found["rowData"]] == wanted


def test_a_portion_of_ten_thousand_is_quick(many: RunView) -> None:
    """A tenth of what an interaction may take, however late the portion."""
    model = {"score": {"type": "greaterThan", "filter": 0.5}, "state": {"type": "contains", "filter": "comp"}}
    asked = {
        "startRow": 1_000,
        "endRow": 1_100,
        "sortModel": [{"colId": "score", "sort": "desc"}],
        "filterModel": model,
    }
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        found = portion(many, Choices(), [], asked)
        times.append(time.perf_counter() - begun)
    scores = [row["score"] for row in found["rowData"]]
    assert len(scores) == 100
    assert scores == sorted(scores, reverse=True)
    assert min(times) < 0.1


HOSTILE: list[Any] = [
    None, True, 0, -1, 10**400, 1.5, math.nan, math.inf, "", "desc", "score", [], [[]], [None], [7], {}, {"a": 1},
    {"colId": "score"}, [{"colId": []}], [{"colId": None, "sort": 3}], [{"colId": "score", "sort": []}],
    [{"colId": "score"}, {"colId": "score", "sort": "desc"}], {"score": None}, {"score": {}}, {"whose": {}},
    {"score": {"type": [], "filter": {}}}, {"whose": {"type": {}, "filter": ["["]}}, {"nothing": {"type": "equals"}},
    {"score": {"type": "equals", "filter": 10**400}}, {"score": {"type": "inRange", "filter": 0, "filterTo": 10**400}},
    {"score": {"type": "equals", "filter": True}}, {"score": {"type": "inRange", "operator": "OR", "conditions": 3}},
    {"reason": {"type": "contains", "filter": "(" * 1_000}}, {"reason": {"type": "equals", "filter": None}},
]  # fmt: skip


@pytest.mark.parametrize("told", HOSTILE, ids=lambda told: str(told)[:40])
def test_models_of_wrong_types_leave_all(odd: dict[str, RunView], told: Any) -> None:
    view = odd["ordinary"]
    for asked in ({"filterModel": told, "endRow": 100}, {"sortModel": told, "endRow": 100}):
        found = portion(view, Choices(), [], asked)
        if "reason" not in str(told):
            assert found["rowCount"] == 30, asked
    found = portion(view, Choices(), [], {"startRow": told, "endRow": told})
    assert len(found["rowData"]) <= 30
    trials_csv(view, Choices(), [], {"filterModel": told, "sortModel": sorting(told)})


def test_columns_sort_by_their_rank_not_by_their_place() -> None:
    state = [{"colId": "state", "sort": "asc", "sortIndex": 1}, {"colId": "score", "sort": "desc", "sortIndex": 0}]
    assert [each["colId"] for each in sorting([*state, {"colId": "rung", "sort": None}, 7])] == ["score", "state"]


@pytest.mark.parametrize("only", [*ONLY, "infeasible", "nonsense"])
def test_every_run_has_rows_of_plain_values(odd: dict[str, RunView], only: str) -> None:
    for view in odd.values():
        for task in view.tasks[:6]:
            choices = Choices({"only": only, "task": task})
            found = portion(view, choices, [0, 3, 10**30], {"endRow": 100})
            assert len(found["rowData"]) == min(found["rowCount"], 100)
            for row in found["rowData"]:
                assert row.keys() == COLUMNS.keys()
                assert not [cell for cell in row.values() if isinstance(cell, float) and not math.isfinite(cell)]


def test_the_front_has_nothing_that_is_beaten_and_nothing_without_a_score(odd: dict[str, RunView]) -> None:
    for name in ("ordinary", "two_objectives", "infinite"):
        view = odd[name]
        own = view.trials(view.tasks[0]).query("state == 'complete'")
        kept = portion(view, Choices({"only": "front"}), [], {"endRow": 100})["rowData"]
        front = own[own["number"].isin([row["number"] for row in kept])]
        assert len(front)
        assert front["score"].notna().all()
        for row in front.to_dict("records"):
            more, less = own["score"] >= row["score"], own["cost"] <= row["cost"]
            other = (own["score"] > row["score"]) | (own["cost"] < row["cost"])
            assert own[more & less & other].empty


def test_the_best_of_each_genome(odd: dict[str, RunView]) -> None:
    view = odd["ordinary"]
    rows = portion(view, Choices({"only": "best"}), [], {"endRow": 100})["rowData"]
    own = view.trials(view.tasks[0])
    assert {row["genome"]: row["score"] for row in rows} == own.groupby("genome")["score"].max().dropna().to_dict()
    assert len(rows) == len({row["genome"] for row in rows})


def test_tables_of_hostile_names_hold_no_formula(odd: dict[str, RunView]) -> None:
    view = odd["hostile"]
    for task in view.tasks:
        text = trials_csv(view, Choices({"task": task[:2_000]}), [], {})
        for cells in csv.DictReader(io.StringIO(text, newline="")):
            assert not [cell for cell in cells.values() if cell.startswith(("=", "@", "+"))]


def test_what_is_selected_is_saved_else_what_is_shown(odd: dict[str, RunView]) -> None:
    view = odd["ordinary"]
    asked = {"filterModel": {"state": {"type": "equals", "filter": "failed"}}}

    def numbers(selection: list[int], asked: Row) -> list[int]:
        text = trials_csv(view, Choices(), selection, asked)
        return [int(row["number"]) for row in csv.DictReader(io.StringIO(text, newline=""))]

    own = view.trials(view.tasks[0])
    assert numbers([], asked) == own.query("state == 'failed'")["number"].tolist()
    assert numbers([3, 1, 10**30], {}) == [1, 3]
    assert len(numbers([], {})) == 30


def test_moments_of_a_download_are_dates(odd: dict[str, RunView]) -> None:
    text = trials_csv(odd["ordinary"], Choices(), [], {})
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    told = {row["state"]: row["finished"] for row in rows}
    assert datetime.fromisoformat(rows[0]["started"]).timestamp() == BEGUN
    assert datetime.fromisoformat(told["complete"]).tzinfo is not None
    assert told["running"] == ""


@pytest.mark.parametrize("columns", ["", "score,genome", "nonsense", "score,,score", "__class__", "a" * 2_000])
def test_columns_that_are_shown(columns: str) -> None:
    found = grid(Choices({"columns": columns})).columnDefs
    shown = [each["field"] for each in found if not each["hide"]]
    assert [each["field"] for each in found] == list(COLUMNS)
    assert shown == (["score", "genome"] if columns == "score,genome" else ["score"] if "score" in columns else shown)
    assert shown
