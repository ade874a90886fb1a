"""VQA v2's files in miniature, in the published layout: what is read, what is refused, vocabulary and targets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from itnas.datasets import vqa
from itnas.datasets.vqa import Record, answer_vocabulary, missing, read, soft_targets
from itnas.datasets.vqa_answers import normalise_answer, vqa_accuracy

LICENSE = {"url": "http://creativecommons.org/licenses/by/4.0/", "name": "Creative Commons Attribution 4.0"}
INFO = {
    "description": "This is v2.0 of the VQA dataset.",
    "url": "http://visualqa.org",
    "version": "2.0",
    "year": 2017,
    "contributor": "VQA Team",
    "date_created": "2017-04-26 17:07:13",
}
QUESTIONS = [(458752000, 458752, "What is this photo taken looking through?"), (458752001, 458752, "What color?")]
QUESTIONS += [(9000, 9, "How many cookies can be seen?")]
ANSWERS = {458752000: ["net"] * 10, 458752001: ["White"] * 6 + ["black & white"] * 4, 9000: ["two"] * 9 + ["three."]}


def questions(split: str) -> dict[str, Any]:
    asked = [{"image_id": image, "question": text, "question_id": number} for number, image, text in QUESTIONS]
    return {
        "info": INFO,
        "task_type": "Open-Ended",
        "data_type": "mscoco",
        "license": LICENSE,
        "data_subtype": split,
        "questions": asked,
    }


def annotations(split: str) -> dict[str, Any]:
    answered = [
        {
            "question_type": "what",
            "multiple_choice_answer": ANSWERS[number][0],
            "answers": [
                {"answer": answer, "answer_confidence": "yes", "answer_id": person}
                for person, answer in enumerate(ANSWERS[number], start=1)
            ],
            "image_id": image,
            "answer_type": "number" if number == 9000 else "other",
            "question_id": number,
        }
        for number, image, _ in reversed(QUESTIONS)
    ]
    return {"info": INFO, "license": LICENSE, "data_subtype": split, "annotations": answered, "data_type": "mscoco"}


def publish(root: Path, split: str = "train2014") -> Path:
    (root / vqa.question_file(split)).write_text(json.dumps(questions(split)))
    if split in vqa.WITH_ANSWERS:
        (root / vqa.annotation_file(split)).write_text(json.dumps(annotations(split)))
    folder = root / vqa.image_folder(split)
    folder.mkdir()
    for _, image, _ in QUESTIONS:
        (folder / vqa.image_name(split, image)).touch()
    return root


def test_names_are_the_published_ones() -> None:
    assert vqa.question_file("test-dev2015") == "v2_OpenEnded_mscoco_test-dev2015_questions.json"
    assert vqa.annotation_file("val2014") == "v2_mscoco_val2014_annotations.json"
    assert vqa.image_name("train2014", 9) == "COCO_train2014_000000000009.jpg"
    assert vqa.image_name("test-dev2015", 262144) == "COCO_test2015_000000262144.jpg"


@pytest.mark.parametrize("split", vqa.WITH_ANSWERS)
def test_records_join_questions_images_and_answers(tmp_path: Path, split: str) -> None:
    records = read(publish(tmp_path, split), split)
    assert [record.question_id for record in records] == [458752000, 458752001, 9000]
    image = tmp_path / split / f"COCO_{split}_000000000009.jpg"
    text = "How many cookies can be seen?"
    assert records[2] == Record(9000, image, text, ("two",) * 9 + ("three.",), "number", "two")
    assert records[0].image is records[1].image
    assert records[0].answers is not None
    assert records[2].answers is not None
    assert records[2].answers[0] is records[2].answers[8]


@pytest.mark.parametrize("split", ["test2015", "test-dev2015"])
def test_questions_of_test_splits_have_no_answers(tmp_path: Path, split: str) -> None:
    records = read(publish(tmp_path, split), split)
    assert [(record.answers, record.answer_type) for record in records] == [(None, None)] * 3
    assert records[2].image == tmp_path / "test2015" / "COCO_test2015_000000000009.jpg"
    assert answer_vocabulary(records) == {}
    with pytest.raises(ValueError, match="question 9000 has no public answers"):
        soft_targets(records[2], {"2": 0})


def test_files_may_lie_as_the_official_tools_sort_them(tmp_path: Path) -> None:
    publish(tmp_path)
    moves = {vqa.question_file("train2014"): "Questions", vqa.annotation_file("train2014"): "Annotations"}
    for name, place in (moves | {"train2014": "Images/mscoco"}).items():
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / name).rename(tmp_path / place / name)
    assert missing(tmp_path, "train2014") == []
    assert len(read(tmp_path, "train2014")) == 3


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    names = ["v2_OpenEnded_mscoco_val2014_questions.json", "v2_mscoco_val2014_annotations.json", "val2014"]
    assert missing(tmp_path, "val2014") == names
    publish(tmp_path, "val2014")
    assert missing(tmp_path, "val2014") == []
    (tmp_path / names[1]).unlink()
    with pytest.raises(ValueError, match=r"lacks v2_mscoco_val2014_annotations\.json: get them from https://visualqa"):
        read(tmp_path, "val2014")
    with pytest.raises(ValueError, match="no split 'val': choose one of train2014, val2014"):
        missing(tmp_path, "val")


Change = Callable[[dict[str, Any]], Any]


def _first(key: str, **changes: Any) -> Change:
    return lambda document: document[key][0].update(changes)


BAD_QUESTIONS: dict[str, tuple[Change, str]] = {
    "no list": (lambda d: d.pop("questions"), "a list named 'questions' is expected"),
    "no id": (lambda d: d["questions"][1].pop("question_id"), "entry 1 of 'questions' has no 'question_id'"),
    "not an object": (lambda d: d["questions"].append("why?"), "entry 3 of 'questions' has no 'question_id'"),
    "no text": (lambda d: d["questions"][0].pop("question"), "question 458752000 has no 'question'"),
    "id a text": (_first("questions", image_id="9"), "'image_id' must be a whole number, but is '9'"),
    "id a truth": (_first("questions", question_id=True), "'question_id' must be a whole number, but is True"),
    "twice": (_first("questions", question_id=9000), "question 9000 is given twice"),
    "unknown image": (_first("questions", image_id=7), "question 458752000 is about image 458752, but about 7"),
    "no annotation": (_first("questions", question_id=5), "no annotation for question 5"),
    "extra": (lambda d: d["questions"].pop(), "question 9000 is not in v2_OpenEnded"),
}
BAD_ANNOTATIONS: dict[str, tuple[Change, str]] = {
    "no list": (lambda d: d.update(annotations={}), "a list named 'annotations' is expected"),
    "no answers": (lambda d: d["annotations"][0].pop("answers"), "question 9000 has no 'answers'"),
    "nine": (lambda d: d["annotations"][0]["answers"].pop(), "question 9000 has 9 answers: 10 are expected"),
    "odd answer": (lambda d: d["annotations"][0]["answers"][3].pop("answer"), "9000: each of 'answers' needs"),
    "no majority": (lambda d: d["annotations"][0].pop("multiple_choice_answer"), "no 'multiple_choice_answer'"),
    "type": (_first("annotations", answer_type=None), "'answer_type' must be a text, but is None"),
    "fewer": (lambda d: d["annotations"].pop(), "no annotation for question 458752000"),
    "twice": (lambda d: d["annotations"].append(d["annotations"][0]), "question 9000 is given twice"),
}


def refused(root: Path, name: str, change: Change, reason: str) -> None:
    document = json.loads((root / name).read_text())
    change(document)
    (root / name).write_text(json.dumps(document))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the words are checked below)
        read(root, "train2014")
    message = str(caught.value)
    assert reason in message
    assert "train2014_" in message.split(": ")[0]
    assert "\n" not in message


@pytest.mark.parametrize("case", BAD_QUESTIONS)
def test_malformed_questions_are_one_sentence(tmp_path: Path, case: str) -> None:
    refused(publish(tmp_path), vqa.question_file("train2014"), *BAD_QUESTIONS[case])


@pytest.mark.parametrize("case", BAD_ANNOTATIONS)
def test_malformed_annotations_are_one_sentence(tmp_path: Path, case: str) -> None:
    refused(publish(tmp_path), vqa.annotation_file("train2014"), *BAD_ANNOTATIONS[case])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"questions": [', "line 1: not valid JSON"),
        (b"", "line 1: not valid JSON"),
        (b"\xff\xd8\xff\xe0", "not a text file"),
        (b"[" * 200_000, "not a JSON file"),
        (b"[]", "a list named 'questions' is expected"),
        (b'{"question_id": 1, "image_id": 1, "question": ""}', "a list named 'questions' is expected"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (publish(tmp_path) / vqa.question_file("train2014")).write_bytes(content)
    with pytest.raises(ValueError, match=f"train2014_questions.json: {reason}"):
        read(tmp_path, "train2014")


def test_an_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    (publish(tmp_path) / "train2014" / "COCO_train2014_000000000009.jpg").unlink()
    with pytest.raises(
        ValueError, match=r"question 9000 is about COCO_train2014_000000000009\.jpg, not in .*train2014"
    ):
        read(tmp_path, "train2014")


def test_images_must_be_unpacked(tmp_path: Path) -> None:
    root = publish(tmp_path)
    for image in (root / "train2014").iterdir():
        image.unlink()
    (root / "train2014").rmdir()
    (root / "train2014").touch()
    with pytest.raises(ValueError, match="train2014 is not a folder: unpack"):
        read(root, "train2014")


def record(answers: list[str], number: int = 0) -> Record:
    return Record(number, Path("x.jpg"), "?", tuple(answers), "other", answers[0])


def test_vocabulary_counts_questions_by_normalised_answer() -> None:
    mostly = ["Two"] * 5 + ["2"] * 4 + ["the cat"] * 6 + ["cat"] * 3 + ["zebra"] * 9 + ["rare"] * 8 + ["dog"] * 12
    records = [record([answer] * 10) for answer in mostly]
    expected = ["dog", "2", "cat", "zebra"]  # 12, 9, 9, 9; "rare" stays out
    assert list(answer_vocabulary(records)) == expected
    assert answer_vocabulary(reversed(records)) == {answer: number for number, answer in enumerate(expected)}
    assert list(answer_vocabulary(records, size=2)) == ["dog", "2"]
    assert list(answer_vocabulary(records, least=8))[-1] == "rare"


@pytest.mark.parametrize(
    "answers",
    [
        ["the dog"] * 10,
        ["t-shirt"] * 10,
        ["dog"] * 10,
        ["two"] * 9 + ["2"],
        ["2 "] * 10,
        ["dog", "cat"] * 5,
        ["a\nb"] * 10,
    ],
)
def test_what_is_scored_is_what_the_official_evaluation_gives_each_class(answers: list[str]) -> None:
    classes = ["dog", "2", "t shirt", "tshirt", "cat", "b"]
    assert classes == [normalise_answer(each) for each in classes]
    found = soft_targets(record(answers), {each: place for place, each in enumerate(classes)}, official=True)
    np.testing.assert_allclose(found, [vqa_accuracy(each, answers) for each in classes], rtol=1e-6)


def test_soft_targets_are_the_accuracy_of_each_class() -> None:
    vocabulary = {"2": 0, "cat": 1, "dog": 2, "zebra": 3}
    answers = ["two", "2", "Two."] + ["cat"] * 4 + ["the dog"] + ["unheard of"] * 2
    targets = soft_targets(record(answers), vocabulary)
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets, [0.9, 1, 0.3, 0], rtol=1e-6)
    np.testing.assert_array_equal(soft_targets(record(["who knows"] * 10), vocabulary), np.zeros(4))
