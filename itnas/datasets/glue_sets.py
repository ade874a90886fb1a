"""What each of GLUE's nine sets looks like on disk: folder, files, columns, labels, metrics.

Layouts are those of the official download (GLUE-baselines' `download_glue_data.py`; Wang et al. 2019). Classes are in
the order in which the field numbers them, so that class 1 of MRPC and QQP is the positive one of F1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from itnas.registry import Registry

_FILES = MappingProxyType({"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"})
_MNLI_FILES = MappingProxyType(
    {
        "train": "train.tsv",
        "validation": "dev_matched.tsv",
        "validation-mismatched": "dev_mismatched.tsv",
        "test": "test_matched.tsv",
        "test-mismatched": "test_mismatched.tsv",
    }
)
_FROM_GLUE = "it is part of the GLUE download (gluebenchmark.com, under Tasks)"


@dataclass(frozen=True)
class GlueSet:
    """One of the nine. Without classes its label is a number from `low` to `high`."""

    name: str
    folder: str
    sentence: str
    second: str | None
    label: str
    classes: tuple[str, ...]
    metrics: tuple[str, ...]
    # Text of a label in the file where it is not the class's own name.
    texts: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 5.0
    files: Mapping[str, str] = field(default_factory=lambda: _FILES)
    # Columns of labelled files that come without a header.
    headless: tuple[str, ...] | None = None
    # Label of rows that the annotators did not agree on: they are left out.
    undecided: str | None = None
    # Share of a labelled file's rows that may lack fields before the file is refused.
    tolerance: float = 0.0
    obtained: str = _FROM_GLUE


GLUE: Registry[GlueSet] = Registry("GLUE set")

_BITS = ("0", "1")
_ENTAILED = ("entailment", "not_entailment")

for _set in (
    GlueSet(
        name="cola",
        folder="CoLA",
        sentence="sentence",
        second=None,
        label="label",
        classes=("unacceptable", "acceptable"),
        texts=_BITS,
        metrics=("matthews",),
        headless=("source", "label", "mark", "sentence"),
    ),
    GlueSet(
        name="sst-2",
        folder="SST-2",
        sentence="sentence",
        second=None,
        label="label",
        classes=("negative", "positive"),
        texts=_BITS,
        metrics=("accuracy",),
    ),
    GlueSet(
        name="mrpc",
        folder="MRPC",
        sentence="#1 String",
        second="#2 String",
        label="Quality",
        classes=("not_equivalent", "equivalent"),
        texts=_BITS,
        metrics=("accuracy", "f1"),
        obtained="GLUE's `download_glue_data.py` makes it from the Microsoft Research Paraphrase Corpus",
    ),
    GlueSet(
        name="qqp",
        folder="QQP",
        sentence="question1",
        second="question2",
        label="is_duplicate",
        classes=("not_duplicate", "duplicate"),
        texts=_BITS,
        metrics=("accuracy", "f1"),
        tolerance=0.01,
    ),
    GlueSet(
        name="sts-b",
        folder="STS-B",
        sentence="sentence1",
        second="sentence2",
        label="score",
        classes=(),
        metrics=("pearson", "spearman"),
    ),
    GlueSet(
        name="mnli",
        folder="MNLI",
        sentence="sentence1",
        second="sentence2",
        label="gold_label",
        classes=("entailment", "neutral", "contradiction"),
        metrics=("accuracy",),
        files=_MNLI_FILES,
        undecided="-",
        tolerance=0.01,
    ),
    GlueSet(
        name="qnli",
        folder="QNLI",
        sentence="question",
        second="sentence",
        label="label",
        classes=_ENTAILED,
        metrics=("accuracy",),
    ),
    GlueSet(
        name="rte",
        folder="RTE",
        sentence="sentence1",
        second="sentence2",
        label="label",
        classes=_ENTAILED,
        metrics=("accuracy",),
    ),
    GlueSet(
        name="wnli",
        folder="WNLI",
        sentence="sentence1",
        second="sentence2",
        label="label",
        classes=("not_entailment", "entailment"),
        texts=_BITS,
        metrics=("accuracy",),
    ),
):
    GLUE.add(_set.name, _set)
