"""VQA v2 as published at https://visualqa.org/download.html: questions, annotations and COCO images, joined to records.

A folder holds the unpacked files side by side, or as the README of the official tools sorts them:
`v2_OpenEnded_mscoco_val2014_questions.json`, `v2_mscoco_val2014_annotations.json`, `val2014/COCO_val2014_....jpg`.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from itnas.datasets.vqa_answers import agreement, normalise_answer, on_one_line

SPLITS = ("train2014", "val2014", "test2015", "test-dev2015")
WITH_ANSWERS = ("train2014", "val2014")
ANSWERS = 10
SOURCE = "https://visualqa.org/download.html"

_PLACES = ("", "Questions", "Annotations", "Images/mscoco", "Images")


@dataclass(frozen=True, slots=True)
class Record:
    """A question about an image; what people answered, as it was published, where that is public."""

    question_id: int
    image: Path
    question: str
    answers: tuple[str, ...] | None  # one a person
    answer_type: str | None  # yes/no, number, other
    consensus: str | None  # the file's `multiple_choice_answer`: the most frequent of the answers


@dataclass(frozen=True, slots=True)
class _Question:
    question_id: int
    image_id: int
    question: str


@dataclass(frozen=True, slots=True)
class _Annotation:
    question_id: int
    image_id: int
    answers: tuple[str, ...]
    answer_type: str
    consensus: str


Entry = TypeVar("Entry", _Question, _Annotation)


def question_file(split: str) -> str:
    return f"v2_OpenEnded_mscoco_{split}_questions.json"


def annotation_file(split: str) -> str:
    return f"v2_mscoco_{split}_annotations.json"


def image_folder(split: str) -> str:
    """The images of test-dev are some of the test images."""
    return "test2015" if split == "test-dev2015" else split


def image_name(split: str, image_id: int) -> str:
    folder = image_folder(split)
    return f"COCO_{folder}_{image_id:012d}.jpg"


def missing(root: Path, split: str) -> list[str]:
    """Names of the files and folders of a split that are not in `root`."""
    return [name for name in _parts(split) if not _holds_something(_path(root, name))]


def _holds_something(path: Path) -> bool:
    """A file, or a folder that is not empty."""
    return next(path.iterdir(), None) is not None if path.is_dir() else path.exists()


def read(root: Path, split: str) -> list[Record]:
    """The records of a split, in the order of its question file; every image is checked to be there."""
    absent = missing(root, split)
    if absent:
        raise ValueError(f"{root}: VQA v2 ({split}) lacks {', '.join(absent)}: get them from {SOURCE}")
    asked = _path(root, question_file(split))
    questions = _read_entries(asked, "questions", _question)
    images = _Images(_path(root, image_folder(split)), split)
    annotations: dict[int, _Annotation] = {}
    if split in WITH_ANSWERS:
        answered = _path(root, annotation_file(split))
        annotations = _read_entries(answered, "annotations", _annotation)
        _check_same_questions(questions, asked, annotations, answered)
    return [_record(one, images.path(one, asked), annotations.get(one.question_id)) for one in questions.values()]


def answer_vocabulary(records: Iterable[Record], size: int = 3129, least: int = 9) -> dict[str, int]:
    """The answers a classifier chooses from, each with its class: the most frequent first, equals by alphabet.

    As is usual since Anderson et al. 2018 (arXiv:1707.07998), an answer counts once for each question on which people
    mostly gave it, normalised. (Their 3129 is what `least` = 9 leaves of training and validation questions together.)
    """
    spelled = Counter(record.consensus for record in records if record.consensus is not None)
    counts: Counter[str] = Counter()
    for answer, count in spelled.items():
        counts[normalise_answer(answer)] += count
    ranked = sorted((answer for answer in counts if counts[answer] >= least), key=lambda one: (-counts[one], one))
    return {answer: number for number, answer in enumerate(ranked[:size])}


def soft_targets(record: Record, vocabulary: Mapping[str, int], *, official: bool = False) -> npt.NDArray[np.float32]:
    """For each class the soft accuracy of its answer, all answers normalised: [classes], zeros where none is known.

    `official`: as the evaluation scores it, which normalises nothing where all people gave one answer. To learn from,
    "the dog" is as good as "dog".
    """
    targets = np.zeros(len(vocabulary), dtype=np.float32)
    if record.answers is None:
        raise ValueError(f"question {record.question_id} has no public answers, so no targets")
    said = [on_one_line(answer) for answer in record.answers]
    if not official or len(set(said)) > 1:
        said = [normalise_answer(answer) for answer in said]
    for answer, people in Counter(said).items():
        if answer in vocabulary:
            targets[vocabulary[answer]] = agreement(people, len(record.answers))
    return targets


def _parts(split: str) -> list[str]:
    if split not in SPLITS:
        raise ValueError(f"VQA v2 has no split {split!r}: choose one of {', '.join(SPLITS)}")
    answers = [annotation_file(split)] if split in WITH_ANSWERS else []
    return [question_file(split), *answers, image_folder(split)]


def _path(root: Path, name: str) -> Path:
    """Where a file or folder is; where it should be if it is nowhere."""
    places = [root / place / name for place in _PLACES]
    return next((path for path in places if path.exists()), places[0])


def _record(question: _Question, image: Path, annotation: _Annotation | None) -> Record:
    if annotation is None:
        return Record(question.question_id, image, question.question, None, None, None)
    kind, consensus = annotation.answer_type, annotation.consensus
    return Record(question.question_id, image, question.question, annotation.answers, kind, consensus)


class _Images:
    """The images that are there: one look at the folder instead of one per question, one path for all its questions."""

    def __init__(self, folder: Path, split: str) -> None:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder: unpack the images of {folder.name} there")
        self._folder, self._split = folder, split
        self._names = set(os.listdir(folder))
        self._paths: dict[int, Path] = {}

    def path(self, question: _Question, asked: Path) -> Path:
        if question.image_id not in self._paths:
            name = image_name(self._split, question.image_id)
            if name not in self._names:
                raise ValueError(f"{asked}: question {question.question_id} is about {name}, not in {self._folder}")
            self._paths[question.image_id] = self._folder / name
        return self._paths[question.image_id]


def _check_same_questions(
    questions: dict[int, _Question], asked: Path, annotations: dict[int, _Annotation], answered: Path
) -> None:
    for number, question in questions.items():
        annotation = annotations.get(number)
        if annotation is None:
            raise ValueError(f"{answered}: no annotation for question {number} of {asked.name}")
        if annotation.image_id != question.image_id:
            raise ValueError(
                f"{answered}: question {number} is about image {annotation.image_id}, "
                f"but about {question.image_id} in {asked.name}"
            )
    if len(annotations) > len(questions):
        extra = next(number for number in annotations if number not in questions)
        raise ValueError(f"{answered}: question {extra} is not in {asked.name}")


def _read_entries(path: Path, key: str, parse: Callable[[Path, dict[str, Any]], Entry]) -> dict[int, Entry]:
    """The list under `key`, by question id.

    An entry is made small as soon as it is read: 4.4 million answers as dictionaries would take gigabytes.
    """

    def made_small(found: dict[str, Any]) -> Any:
        return parse(path, found) if "question_id" in found else found

    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_hook=made_small)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: line {error.lineno}: not valid JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file: JSON in UTF-8 is expected") from error
    except (IsADirectoryError, RecursionError) as error:
        raise ValueError(f"{path}: not a JSON file of VQA v2") from error
    listed = document.get(key) if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError(f"{path}: a list named {key!r} is expected at the top")
    entries: dict[int, Entry] = {}
    for number, entry in enumerate(listed):
        if isinstance(entry, dict) or not hasattr(entry, "question_id"):
            raise ValueError(f"{path}: entry {number} of {key!r} has no 'question_id'")
        if entry.question_id in entries:
            raise ValueError(f"{path}: question {entry.question_id} is given twice")
        entries[entry.question_id] = entry
    return entries


def _question(path: Path, found: dict[str, Any]) -> _Question:
    number = _field(path, found, "question_id", int)
    return _Question(number, _field(path, found, "image_id", int), _field(path, found, "question", str))


def _annotation(path: Path, found: dict[str, Any]) -> _Annotation:
    number = _field(path, found, "question_id", int)
    answers = _field(path, found, "answers", list)
    if len(answers) != ANSWERS:
        raise ValueError(f"{path}: question {number} has {len(answers)} answers: {ANSWERS} are expected")
    if not all(isinstance(one, dict) and isinstance(one.get("answer"), str) for one in answers):
        raise ValueError(f"{path}: question {number}: each of 'answers' needs an 'answer' that is a text")
    return _Annotation(
        number,
        _field(path, found, "image_id", int),
        tuple(sys.intern(one["answer"]) for one in answers),
        sys.intern(_field(path, found, "answer_type", str)),
        sys.intern(_field(path, found, "multiple_choice_answer", str)),
    )


Value = TypeVar("Value")

_KINDS: dict[type, str] = {int: "a whole number", str: "a text", list: "a list"}


def _field(path: Path, found: dict[str, Any], key: str, kind: type[Value]) -> Value:
    question = f"{path}: question {found['question_id']!r}"
    if key not in found:
        raise ValueError(f"{question} has no {key!r}")
    value = found[key]
    if type(value) is not kind:  # `True` is no number here
        raise ValueError(f"{question}: {key!r} must be {_KINDS[kind]}, but is {value!r:.60}")
    return value
