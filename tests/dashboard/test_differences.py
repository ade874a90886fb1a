"""How two genomes differ: every difference is told, and only those."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itnas.dashboard.differences import flattened, in_words
from itnas.models.specialists import DEFAULT_SPECIALISTS, specialist


def test_ways_to_values() -> None:
    document = {"a": {"b": 1, "c": [1, 2], "d": []}, "layers": [{"k": True}, {"k": None}], "e": "text"}
    assert flattened(document) == {
        "a.b": "1",
        "a.c": "1, 2",
        "a.d": "none",
        "layers.1.k": "yes",
        "layers.2.k": "none",
        "e": "text",
    }


def test_a_difference_in_words() -> None:
    told = in_words(3, {"a": "1", "b": "2", "same": "x"}, 5, {"a": "7", "c": "3", "same": "x"})
    assert told == ["Trial 5 beside trial 3: a is 7 instead of 1; c is 3 there only; b (2) is missing."]


@pytest.mark.parametrize("other", ["x", "1"])
def test_the_same(other: str) -> None:
    assert in_words(1, {"a": other}, 2, {"a": other}) == ["Trials 1 and 2 have the same genome."]


VALUES: Any = st.dictionaries(st.sampled_from("abcdefghijkl"), st.sampled_from("123"))


@given(VALUES, VALUES)
def test_every_difference_counts_once(one: dict[str, str], other: dict[str, str]) -> None:
    (sentence,) = in_words(0, one, 1, other)
    differing = sum(one.get(name) != other.get(name) for name in {*one, *other})
    if not differing:
        assert sentence.endswith("the same genome.")
        return
    told = sentence.partition(": ")[2].split("; ")
    more = int(sentence.rpartition(", and ")[2].split()[0]) if " more." in sentence else 0
    assert len(told) == min(differing, 6)
    assert len(told) + more == differing


@pytest.mark.parametrize("name", DEFAULT_SPECIALISTS)
def test_genomes_lose_nothing(name: str) -> None:
    """Two genomes that differ in one value differ in one line."""
    document = specialist(name).to_dict()
    values = flattened(document)
    assert flattened(specialist(name, width=16).to_dict()).keys() == values.keys()
    other = flattened(document | {"width": 64})
    assert [own for own in values if values[own] != other[own]] == ["width"]


def test_genomes_of_different_mixers_differ() -> None:
    one, other = (flattened(specialist(name).to_dict()) for name in ("gru", "transformer"))
    assert "there only" in in_words(0, one, 1, other)[0] or "instead of" in in_words(0, one, 1, other)[0]
