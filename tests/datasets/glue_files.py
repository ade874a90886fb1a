"""Writes miniature GLUE sets in exactly the published layouts."""

from pathlib import Path

from itnas.datasets.glue import GLUE, Example

_PARSES = ("promptID", "pairID", "genre", "sentence1_binary_parse", "sentence2_binary_parse")
_MNLI = ("index", *_PARSES, "sentence1_parse", "sentence2_parse", "sentence1", "sentence2")
_STS = ("index", "genre", "filename", "year", "old_index", "source1", "source2", "sentence1", "sentence2")
_PAIR = ("index", "sentence1", "sentence2")
_QNLI = ("index", "question", "sentence")
_MRPC = ("#1 ID", "#2 ID", "#1 String", "#2 String")

LABELLED = {
    "cola": ("source", "label", "mark", "sentence"),
    "sst-2": ("sentence", "label"),
    "mrpc": ("Quality", *_MRPC),
    "qqp": ("id", "qid1", "qid2", "question1", "question2", "is_duplicate"),
    "sts-b": (*_STS, "score"),
    "mnli": (*_MNLI, "label1", "gold_label"),
    "qnli": (*_QNLI, "label"),
    "rte": (*_PAIR, "label"),
    "wnli": (*_PAIR, "label"),
}
TEST = {
    "cola": ("index", "sentence"),
    "sst-2": ("index", "sentence"),
    "mrpc": ("index", *_MRPC),
    "qqp": ("id", "question1", "question2"),
    "sts-b": _STS,
    "mnli": _MNLI,
    "qnli": _QNLI,
    "rte": _PAIR,
    "wnli": _PAIR,
}


def columns(name: str, split: str) -> tuple[str, ...]:
    if split.startswith("test"):
        return TEST[name]
    if name == "mnli" and split.startswith("validation"):
        return (*_MNLI, "label1", "label2", "label3", "label4", "label5", "gold_label")
    return LABELLED[name]


def label_text(name: str, label: int | float | None) -> str:
    glue = GLUE[name]
    assert label is not None
    return (glue.texts or glue.classes)[int(label)] if glue.classes else repr(label)


def row(name: str, split: str, place: int, example: Example) -> str:
    """The line of one example; columns that nobody reads hold their own name."""
    glue = GLUE[name]
    known = {"index": str(place), "id": str(place), "#1 ID": str(2 * place), "#2 ID": str(2 * place + 1), "mark": ""}
    known[glue.sentence] = example.sentence
    if glue.second:
        known[glue.second] = str(example.second)
    if example.label is not None:
        known[glue.label] = label_text(name, example.label)
    return "\t".join(known.get(column, column) for column in columns(name, split))


def write_lines(path: Path, lines: list[str], *, end: str = "\n", bom: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + "".join(line + end for line in lines).encode())
    return path


def lines_of(name: str, split: str, examples: list[Example]) -> list[str]:
    header = [] if name == "cola" and not split.startswith("test") else ["\t".join(columns(name, split))]
    return header + [row(name, split, place, example) for place, example in enumerate(examples)]


def write_split(
    folder: Path, name: str, split: str, examples: list[Example], *, end: str = "\n", bom: bool = False
) -> Path:
    glue = GLUE[name]
    path = folder / glue.folder / glue.files[split]
    return write_lines(path, lines_of(name, split, examples), end=end, bom=bom)
