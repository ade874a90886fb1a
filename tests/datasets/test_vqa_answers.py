"""The official answer rules, worked by hand from vqaEval.py of github.com/GT-Vision-Lab/VQA, and the soft accuracy."""

import subprocess
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itnas.datasets.vqa_answers import CONTRACTIONS, NUMBERS, agreement, normalise_answer, without_punctuation
from itnas.tasks.metrics import vqa_accuracy

# What the rules look for, more often than chance would bring it.
PIECES = st.sampled_from(
    [*"aA1.,-'/? \n\t", "the", "two", "None", "dont", "somebody'd", "1,000", "2.5", "Σ", "İ", "٣", *CONTRACTIONS]
)
TEXTS = st.lists(PIECES | st.characters(), max_size=12).map("".join)
PEOPLE = st.lists(TEXTS, min_size=10, max_size=10)


@pytest.mark.parametrize(
    ("answer", "normal"),
    [
        ("Yes", "yes"),
        ("  The red\n\tcar ", "red car"),
        ("a an the", ""),
        ("A Cat", "cat"),
        ("none", "0"),
        ("Zero", "0"),
        ("two dogs", "2 dogs"),
        ("ten", "10"),
        ("eleven", "eleven"),
        ("someone", "someone"),  # whole words only
        ("dont know", "don't know"),
        ("DONT", "don't"),
        ("twas", "'twas"),
        ("somebody'd", "somebodyd"),  # an official oddity
        ("shes", "shes"),  # not in the official table
        ("let's", "let's"),
        ("yes!", "yes"),
        ("black/white", "black white"),  # no space beside it: a space takes its place
        ("black / white", "black white"),
        ("t-shirt", "t shirt"),
        ("t -shirt", "t shirt"),
        ("t- shirt x-ray", "t shirt xray"),  # beside a space once: gone everywhere
        ("1,000", "1000"),
        ("1,000 t-shirts", "1000 tshirts"),  # a comma in a number: all signs are gone
        ("red, white", "red white"),
        ("red,white", "red white"),
        ("2.5", "2.5"),
        (".5", ".5"),
        ("5.", "5"),
        ("5. 3", "5 3"),
        ("p.m.", "pm"),
        ("st.2", "st.2"),
        ("man's", "man's"),  # an apostrophe is no punctuation here, nor is a colon
        ("10:30", "10:30"),
        ("", ""),
    ],
)
def test_worked_examples(answer: str, normal: str) -> None:
    assert normalise_answer(answer) == normal


def test_tables_have_the_official_entries() -> None:
    # The published table has 120 entries; two change nothing ("let's", "she's"), four have capitals and never match.
    assert len(CONTRACTIONS) == 120 - 2 - 4
    assert all(key == key.lower() and key != value for key, value in CONTRACTIONS.items())
    odd = {"somebody'd": "somebodyd"}
    assert {k: v for k, v in CONTRACTIONS.items() if k.replace("'", "") != v.replace("'", "")} == {}
    assert {k: v for k, v in CONTRACTIONS.items() if v.count("'") < k.count("'")} == odd
    assert NUMBERS["none"] == NUMBERS["zero"] == "0"
    assert (NUMBERS["one"], NUMBERS["six"], NUMBERS["ten"], len(NUMBERS)) == ("1", "6", "10", 12)


def test_no_more_than_32_points_go() -> None:
    assert without_punctuation("." * 33) == "."


@given(TEXTS)
def test_normal_form_stays(answer: str) -> None:
    """Nothing but the limit on points keeps the rules from being idempotent."""
    once = normalise_answer(answer)
    assert normalise_answer(once) == once
    assert once == " ".join(once.split())


@pytest.mark.parametrize(("matches", "accuracy"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (9, 1), (10, 1)])
def test_accuracy_by_matches(matches: int, accuracy: float) -> None:
    answers = ["Yes"] * matches + ["no"] * (10 - matches)
    assert vqa_accuracy("yes.", answers) == pytest.approx(accuracy if matches < 10 else 0)  # all the same: as it is
    assert vqa_accuracy("Yes", answers) == pytest.approx(accuracy)


def test_nothing_is_normalised_where_all_agree() -> None:
    assert vqa_accuracy("yes!", ["yes"] * 10) == 0
    assert vqa_accuracy(" yes\n", ["yes"] * 10) == 1
    assert vqa_accuracy("cat", ["the cat"] * 10) == 0
    assert vqa_accuracy("the cat", ["the cat"] * 10) == 1


def test_both_sides_are_normalised_where_people_differ() -> None:
    assert vqa_accuracy("The cat", ["cat"] * 2 + ["a cat"] + ["two cats"] * 7) == pytest.approx(0.9)
    assert vqa_accuracy("2 cats!", ["cat"] * 2 + ["a cat"] + ["two cats"] * 7) == 1


def _leave_one_out(matching: list[bool]) -> float:
    """As the official code has it: for each person, how many of the others agree."""
    scores = [min(1.0, sum(matching[:left] + matching[left + 1 :]) / 3) for left in range(len(matching))]
    return sum(scores) / len(scores)


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_formula_is_the_mean_over_people_left_out(matching: list[bool]) -> None:
    assert agreement(sum(matching), len(matching)) == pytest.approx(_leave_one_out(matching))


@given(TEXTS, PEOPLE, st.randoms(use_true_random=False))
def test_accuracy_is_a_share_and_knows_no_order(prediction: str, answers: list[str], random: Random) -> None:
    accuracy = vqa_accuracy(prediction, answers)
    assert 0 <= accuracy <= 1
    shuffled = list(answers)
    random.shuffle(shuffled)
    assert vqa_accuracy(prediction, shuffled) == accuracy


@given(TEXTS)
def test_what_all_people_say_is_right(answer: str) -> None:
    assert vqa_accuracy(answer, [answer] * 10) == 1


@given(PEOPLE)
def test_what_one_person_says_is_worth_something(answers: list[str]) -> None:
    assert vqa_accuracy(answers[0], answers) >= 0.3 - 1e-9


@pytest.mark.parametrize("answers", [[], "yes"])
def test_answers_must_be_a_list_of_texts(answers: object) -> None:
    with pytest.raises(ValueError, match="at least one person"):
        vqa_accuracy("yes", answers)  # type: ignore[arg-type]


def test_reading_vqa_needs_no_torch() -> None:
    code = "import sys, itnas.datasets.vqa; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
