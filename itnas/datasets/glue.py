"""GLUE's files as plain records: `read(folder, "mrpc", "train")`.

Quirks that the reader knows:

* A quote is a letter in every set: MRPC and QQP have quotes that are never closed.
* CoLA's labelled files have no header; its test file has one.
* MRPC may be in its raw form: `msr_paraphrase_train.txt`, of which `dev_ids.tsv` names the validation pairs, and
  `msr_paraphrase_test.txt`, the only test file that has labels.
* QQP has rows with an empty question, and in its first release questions that a line end cuts in two. Such rows of a
  labelled file are skipped and counted, and refused when there are more than `GlueSet.tolerance`. In a test file
  nothing is skipped, since a submission answers every row: there an empty text stays, and a cut row is an error.
* MultiNLI marks pairs without a majority label with "-" (nearly 2 % of its validation sets). GLUE has left them out
  already; in files that have them they are skipped and counted, without a limit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from itnas.datasets.glue_sets import GLUE, GlueSet
from itnas.datasets.tsv import Row, rows
from itnas.registry import check_choice

__all__ = ["GLUE", "Example", "GlueSet", "read", "stream"]

_RAW_MRPC = {
    "train": "msr_paraphrase_train.txt",
    "validation": "msr_paraphrase_train.txt",
    "test": "msr_paraphrase_test.txt",
}
_MRPC_DEV_IDS = ("dev_ids.tsv", "mrpc_dev_ids.tsv")

INCOMPLETE = "incomplete"
UNDECIDED = "undecided"


@dataclass(frozen=True)
class Example:
    """One row: a sentence or a pair, and its class, its score, or None where the label is not published."""

    sentence: str
    second: str | None
    label: int | float | None


class IncompleteRowError(ValueError):
    """A row that lacks fields: some sets are known to have a few of them."""


@dataclass(frozen=True)
class _Source:
    """How the rows of a file are to be read, and where its columns are."""

    glue: GlueSet
    width: int
    sentence: int
    second: int | None
    label: int | None
    is_test: bool


def read(folder: Path, name: str, split: str, skipped: Counter[str] | None = None) -> list[Example]:
    """All examples of a split, from the folder that holds CoLA, SST-2, ...; `skipped` counts the rows left out."""
    return list(stream(folder, name, split, skipped))


def stream(folder: Path, name: str, split: str, skipped: Counter[str] | None = None) -> Iterator[Example]:
    """The examples of a split one by one, in the order of the file.

    Whether too many rows were incomplete is known, and raised, only after the last one.
    """
    glue = GLUE[name]
    check_choice(f"split of {name}", split, glue.files)
    path, kept = _located(folder, glue, split)
    return _examples(path, kept, glue, split, Counter() if skipped is None else skipped)


class AbsentError(ValueError):
    """A file of a set is not there."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is missing: {why}")
        self.path = path


def missing(folder: Path, name: str) -> list[str]:
    """The labelled files of a set that are not there."""
    glue = GLUE[name]
    lacking = []
    for split in (split for split in glue.files if not split.startswith("test")):
        try:
            _located(folder, glue, split)
        except AbsentError as error:
            lacking.append(f"{glue.folder}/{error.path.name}")
    return list(dict.fromkeys(lacking))


def _located(folder: Path, glue: GlueSet, split: str) -> tuple[Path, Iterator[Row]]:
    """The file of a split, and those of its rows that belong to the split."""
    path = folder / glue.folder / glue.files[split]
    if path.is_file():
        return path, rows(path)
    if glue.name == "mrpc":
        raw = folder / glue.folder / _RAW_MRPC[split]
        if raw.is_file():
            return raw, rows(raw) if split == "test" else _raw_mrpc(raw, is_validation=split == "validation")
    raise AbsentError(path, glue.obtained)


def _raw_mrpc(path: Path, *, is_validation: bool) -> Iterator[Row]:
    """The header, and the rows whose pair of ids is (or is not) among those of the validation set."""
    ids = next((path.with_name(name) for name in _MRPC_DEV_IDS if path.with_name(name).is_file()), None)
    if ids is None:
        why = f"it says which pairs of {path.name} are for validation; GLUE publishes it"
        raise AbsentError(path.with_name(_MRPC_DEV_IDS[0]), why)
    return _of_one_side(path, {tuple(fields) for _, fields in rows(ids)}, is_validation=is_validation)


def _of_one_side(path: Path, chosen: set[tuple[str, ...]], *, is_validation: bool) -> Iterator[Row]:
    for place, (number, fields) in enumerate(rows(path)):
        if place == 0 or (tuple(fields[1:3]) in chosen) == is_validation:
            yield number, fields


def _examples(path: Path, found: Iterator[Row], glue: GlueSet, split: str, skipped: Counter[str]) -> Iterator[Example]:
    is_test = split.startswith("test")
    header = None if is_test or glue.headless is None else list(glue.headless)
    source = _source(path, glue, header or next(found, (0, []))[1], is_test=is_test)
    total = given = incomplete = 0
    first = ""
    for number, fields in found:
        total += 1
        try:
            example = _example(source, fields)
        except IncompleteRowError as error:
            if is_test or not glue.tolerance:
                raise ValueError(f"{path}: line {number}: {error}") from error
            incomplete += 1
            skipped[INCOMPLETE] += 1
            first = first or f"line {number}: {error}"
            continue
        except ValueError as error:
            raise ValueError(f"{path}: line {number}: {error}") from error
        if example is None:
            skipped[UNDECIDED] += 1
            continue
        given += 1
        yield example
    if incomplete > glue.tolerance * total:
        raise ValueError(
            f"{path}: {incomplete} of {total} rows are incomplete, more than the {glue.tolerance:.0%} allowed; {first}"
        )
    if not given:
        raise ValueError(f"{path}: no examples in it; {glue.obtained}")


def _source(path: Path, glue: GlueSet, header: list[str], *, is_test: bool) -> _Source:
    """Where the columns are, by the names in the header."""
    if not header:
        raise ValueError(f"{path}: the file is empty; {glue.obtained}")
    wanted = [glue.sentence, *([glue.second] if glue.second else []), *([] if is_test else [glue.label])]
    missing = [column for column in wanted if column not in header]
    if missing:
        raise ValueError(
            f"{path}: line 1: no column {', '.join(map(repr, missing))}, got {', '.join(map(repr, header))[:200]}"
        )
    return _Source(
        glue=glue,
        width=len(header),
        sentence=header.index(glue.sentence),
        second=header.index(glue.second) if glue.second else None,
        label=header.index(glue.label) if glue.label in header else None,
        is_test=is_test,
    )


def _example(source: _Source, fields: list[str]) -> Example | None:
    """The example in a row; None if its annotators did not agree."""
    if len(fields) != source.width:
        raise IncompleteRowError(f"{source.width} columns are expected, got {len(fields)}")
    glue = source.glue
    sentence = _text(source, fields[source.sentence], glue.sentence)
    second = None if source.second is None else _text(source, fields[source.second], str(glue.second))
    if source.label is None:
        return Example(sentence, second, None)
    text = fields[source.label].strip()
    if glue.undecided is not None and text == glue.undecided:
        return None
    return Example(sentence, second, _label(glue, text))


def _text(source: _Source, text: str, column: str) -> str:
    if not source.is_test and not text.strip():
        raise IncompleteRowError(f"the column {column!r} is empty")
    return text


def _label(glue: GlueSet, text: str) -> int | float:
    if not text:
        raise IncompleteRowError(f"the column {glue.label!r} is empty")
    if glue.classes:
        texts = glue.texts or glue.classes
        if text not in texts:
            raise ValueError(f"the label must be one of {', '.join(map(repr, texts))}, got {text[:40]!r}")
        return texts.index(text)
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not glue.low <= score <= glue.high:
        raise ValueError(f"the label must be a number from {glue.low:g} to {glue.high:g}, got {text[:40]!r}")
    return score
