"""What an address says: every choice survives the way there and back, and nothing that is sent breaks it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itnas.dashboard.choices import LONGEST, WORDS, Choices

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(st.characters()) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(WORDS), st.text(min_size=1, max_size=40)))
def test_addresses_are_read_back(given: dict[str, str]) -> None:
    choices = Choices(given)
    assert choices.to_dict() == given
    assert Choices.of(choices.query()) == choices
    assert Choices.of(choices.query().removeprefix("?")) == choices


@given(st.text(st.characters(), max_size=200))
def test_any_address_means_something(query: str) -> None:
    found = Choices.of(query)
    assert set(found.to_dict()) <= set(WORDS)
    assert Choices(json.loads(json.dumps(found.to_dict()))) == found


@given(JSON)
def test_anything_may_be_sent(told: object) -> None:
    found = Choices(told)
    for word in WORDS:
        assert isinstance(found[word], str)
        assert found.number(word) is None or found[word].isdigit()
        assert all(number >= 0 for number in found.numbers(word))
    assert Choices.of(found.query()).to_dict() == found.to_dict()


@pytest.mark.parametrize("told", ["run", "\ud800", 7, [1], [["run", "a"]], None, True, {"run": {"a": 1}}])
def test_what_is_no_table_or_no_text(told: object) -> None:
    Choices(told).query().encode()


@pytest.mark.parametrize(
    ("text", "number"),
    [*zip(["0", "12", "007", "9" * 9], [0, 12, 7, 999_999_999], strict=True)]
    + [(text, None) for text in ("-1", "1.5", "", "٣", "²", "9" * 10, " 1", "1e3", "0x1")],
)
def test_numbers(text: str, number: int | None) -> None:
    assert Choices({"trial": text}).number("trial") == number


def test_lists_of_numbers_hold_each_once() -> None:
    assert Choices({"compare": "3,1,,x,3, 2,-1,٣,1"}).numbers("compare") == [3, 1]


def test_texts_and_addresses_have_an_end() -> None:
    assert len(Choices({"task": "x" * 10**6})["task"]) == LONGEST
    assert len(Choices.of("task=" + "x" * 10**6)["task"]) == LONGEST
    assert Choices.of("&".join(f"w{number}=1" for number in range(10**5))).to_dict() == {}


def test_other_choices() -> None:
    first = Choices({"run": "a", "task": "b"})
    assert first.but(task="", trial=0).to_dict() == {"run": "a", "trial": "0"}
    assert first.but(task=None).to_dict() == {"run": "a"}
    assert first.to_dict() == {"run": "a", "task": "b"}
    with pytest.raises(KeyError):
        first["path"]
    assert Choices({"path": "/etc"}).to_dict() == {}
    assert Choices.of("?run=a&run=b")["run"] == "b"
