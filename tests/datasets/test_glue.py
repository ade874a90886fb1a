"""GLUE's readers on miniature sets in the published formats: what is written is read, what is malformed is named."""

import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itnas.datasets.glue import GLUE, Example, read, stream
from tests.datasets.glue_files import columns, lines_of, row, write_lines, write_split

EVERY_SPLIT = [(name, split) for name, glue in GLUE.items() for split in glue.files]
QUOTES = 'He said "stop, and left .'


def examples_of(name: str, split: str, count: int = 3) -> list[Example]:
    glue = GLUE[name]
    found = []
    for place in range(count):
        label = place % len(glue.classes) if glue.classes else (0.0, 3.8, 5.0)[place % 3]
        second = f'"second {place}' if glue.second else None
        found.append(Example(f"{QUOTES} {place}", second, None if split.startswith("test") else label))
    return found


def test_the_nine_sets_are_there() -> None:
    assert list(GLUE) == ["cola", "sst-2", "mrpc", "qqp", "sts-b", "mnli", "qnli", "rte", "wnli"]
    assert {name: glue.folder for name, glue in GLUE.items() if name.upper() != glue.folder} == {"cola": "CoLA"}


def test_layouts_have_the_published_widths() -> None:
    widths = {name: (len(columns(name, "train")), len(columns(name, "test"))) for name in GLUE}
    assert widths["mnli"] == (12, 10)
    assert len(columns("mnli", "validation")) == 16
    assert widths["sts-b"] == (10, 9)
    assert widths["qqp"] == (6, 3)
    assert widths["mrpc"] == (5, 5)
    assert widths["cola"] == (4, 2)


@pytest.mark.parametrize(("name", "split"), EVERY_SPLIT)
@pytest.mark.parametrize(("end", "bom"), [("\n", False), ("\r\n", True)])
def test_what_is_written_is_read(tmp_path: Path, name: str, split: str, end: str, bom: bool) -> None:
    examples = examples_of(name, split)
    write_split(tmp_path, name, split, examples, end=end, bom=bom)
    assert read(tmp_path, name, split) == examples


# Everything but what separates fields and rows; U+0085 and U+2028 end lines for `str.splitlines`, not here.
TEXTS = st.text(st.characters(exclude_characters="\t\n", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip() and not text.endswith("\r")
)


@given(st.sampled_from(EVERY_SPLIT), st.data(), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_text_survives(which: tuple[str, str], data: st.DataObject, end: str, bom: bool) -> None:
    name, split = which
    glue = GLUE[name]
    label = st.integers(0, len(glue.classes) - 1) if glue.classes else st.floats(0, 5)
    labels = st.none() if split.startswith("test") else label
    rows = st.builds(Example, TEXTS, TEXTS if glue.second else st.none(), labels)
    examples = data.draw(st.lists(rows, min_size=1, max_size=4))
    with TemporaryDirectory() as folder:
        write_split(Path(folder), name, split, examples, end=end, bom=bom)
        assert read(Path(folder), name, split) == examples


def test_files_as_published(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "CoLA/train.tsv", ["gj04\t1\t\tOur friends won't buy it.", "gj04\t0\t*\tThey drank the pub."]
    )
    assert read(tmp_path, "cola", "train") == [
        Example("Our friends won't buy it.", None, 1),
        Example("They drank the pub.", None, 0),
    ]
    sts = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore"
    cello = "4\tmain-captions\tMSRvid\t2012test\t0009\tnone\tnone\tA man is playing.\tA man plays.\t4.250"
    write_lines(tmp_path / "STS-B/dev.tsv", [sts, cello])
    assert read(tmp_path, "sts-b", "validation") == [Example("A man is playing.", "A man plays.", 4.25)]
    write_lines(
        tmp_path / "RTE/dev.tsv", ["index\tsentence1\tsentence2\tlabel", "0\tIt rains.\tIt is dry.\tnot_entailment"]
    )
    assert read(tmp_path, "rte", "validation") == [Example("It rains.", "It is dry.", 1)]


def test_streaming_gives_rows_before_the_file_is_read_through(tmp_path: Path) -> None:
    path = write_split(tmp_path, "rte", "train", examples_of("rte", "train"))
    path.write_bytes(path.read_bytes() + b"broken\n")
    found = stream(tmp_path, "rte", "train")
    assert next(found) == examples_of("rte", "train")[0]
    with pytest.raises(ValueError, match="line 5"):
        list(found)


def test_trailing_empty_lines_are_no_rows(tmp_path: Path) -> None:
    examples = examples_of("mrpc", "train")
    write_lines(tmp_path / "MRPC/train.tsv", [*lines_of("mrpc", "train", examples), "", ""], end="\r\n")
    assert read(tmp_path, "mrpc", "train") == examples


@pytest.mark.parametrize("ids", ["dev_ids.tsv", "mrpc_dev_ids.tsv"])
def test_raw_mrpc_is_split_by_the_ids_of_its_validation_pairs(tmp_path: Path, ids: str) -> None:
    examples = examples_of("mrpc", "train", 5)
    lines = lines_of("mrpc", "train", examples)
    write_lines(tmp_path / "MRPC/msr_paraphrase_train.txt", lines, end="\r\n", bom=True)
    write_lines(tmp_path / "MRPC/msr_paraphrase_test.txt", lines[:3], end="\r\n", bom=True)
    with pytest.raises(ValueError, match=r"dev_ids\.tsv is missing: it says which pairs"):
        read(tmp_path, "mrpc", "train")
    write_lines(tmp_path / "MRPC" / ids, ["2\t3", "8\t9"])
    assert read(tmp_path, "mrpc", "validation") == [examples[1], examples[4]]
    assert read(tmp_path, "mrpc", "train") == [examples[0], examples[2], examples[3]]
    assert read(tmp_path, "mrpc", "test") == examples[:2]


def test_prepared_mrpc_is_preferred_to_raw(tmp_path: Path) -> None:
    examples = examples_of("mrpc", "train")
    write_lines(tmp_path / "MRPC/msr_paraphrase_train.txt", ["junk"])
    write_split(tmp_path, "mrpc", "train", examples)
    assert read(tmp_path, "mrpc", "train") == examples


def test_incomplete_qqp_rows_are_skipped_and_counted(tmp_path: Path) -> None:
    examples = examples_of("qqp", "train", 400)
    lines = lines_of("qqp", "train", examples)
    # A question that ends with a line end, quoted, as in the first release; and one that is empty.
    lines[7:7] = ['227767\t336684\t336685\t"Is it the best book?', '"\tWas he real?\t0', "5\t6\t7\tHow to?\t\t0"]
    write_lines(tmp_path / "QQP/train.tsv", lines)
    skipped: Counter[str] = Counter()
    assert read(tmp_path, "qqp", "train", skipped) == examples
    assert skipped == {"incomplete": 3}


def test_too_many_incomplete_rows_are_refused(tmp_path: Path) -> None:
    lines = lines_of("qqp", "train", examples_of("qqp", "train", 198))
    path = write_lines(tmp_path / "QQP/train.tsv", [*lines, "1\t2\t3", "1\t2\t3"])
    assert len(read(tmp_path, "qqp", "train")) == 198
    write_lines(path, [*lines, "1\t2\t3", "1\t2\t3", "1\t2\t3"])
    with pytest.raises(
        ValueError, match=r"3 of 201 rows are incomplete, more than the 1% allowed; line 200: 6 columns"
    ):
        read(tmp_path, "qqp", "train")


def test_a_test_file_keeps_every_row(tmp_path: Path) -> None:
    path = write_split(tmp_path, "qqp", "test", [Example("How?", "", None), *examples_of("qqp", "test")])
    assert len(read(tmp_path, "qqp", "test")) == 4
    path.write_bytes(path.read_bytes() + b"4\tcut\n")
    with pytest.raises(ValueError, match="line 6: 3 columns are expected, got 2"):
        read(tmp_path, "qqp", "test")


def test_mnli_pairs_without_a_majority_are_left_out(tmp_path: Path) -> None:
    examples = examples_of("mnli", "validation")
    lines = lines_of("mnli", "validation", examples)
    undecided = lines[1].rsplit("\t", 1)[0] + "\t-"
    path = write_lines(tmp_path / "MNLI/dev_matched.tsv", [*lines, undecided])
    skipped: Counter[str] = Counter()
    assert read(tmp_path, "mnli", "validation", skipped) == examples
    assert skipped == {"undecided": 1}
    write_lines(path, [lines[0], undecided])
    with pytest.raises(ValueError, match="no examples in it"):
        read(tmp_path, "mnli", "validation")


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("rte", "0\tone\ttwo", "line 2: 4 columns are expected, got 3"),
        ("rte", "0\tone\ttwo\tentailment\tmore", "line 2: 4 columns are expected, got 5"),
        ("rte", "0\tone\ttwo\tmaybe", "line 2: the label must be one of 'entailment', 'not_entailment', got 'maybe'"),
        ("rte", "0\tone\t \tentailment", "line 2: the column 'sentence2' is empty"),
        ("rte", "0\tone\ttwo\t", "line 2: the column 'label' is empty"),
        ("wnli", "0\tone\ttwo\t2", "line 2: the label must be one of '0', '1', got '2'"),
        ("qqp", "0\t1\t2\tone\ttwo\t3", "line 2: the label must be one of '0', '1', got '3'"),
        ("sts-b", "\t".join("0abcdefgh") + "\t5.1", "line 2: the label must be a number from 0 to 5, got '5.1'"),
        ("sts-b", "\t".join("0abcdefgh") + "\tnan", "line 2: the label must be a number from 0 to 5, got 'nan'"),
        ("sts-b", "\t".join("0abcdefgh") + "\thigh", "line 2: the label must be a number from 0 to 5, got 'high'"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, name: str, line: str, message: str) -> None:
    path = write_lines(tmp_path / GLUE[name].folder / "train.tsv", ["\t".join(columns(name, "train")), line])
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {message}')}$"):
        read(tmp_path, name, "train")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"train\.tsv: the file is empty; it is part of the GLUE download"),
        (b"\n\n", r"train\.tsv: the file is empty"),
        (b"index\tsentence1\tsentence2\tlabel\n", r"train\.tsv: no examples in it; it is part of"),
        (b"index\tsentence1\tlabel\n", r"line 1: no column 'sentence2', got 'index', 'sentence1', 'label'"),
        (b"index\tsentence1\tsentence2\tlabel\n0\tcaf\xe9\tb\tentailment\n", r"line 2: not a text in UTF-8 \(byte 6"),
        ("index\tsentence1\tsentence2\tlabel\n".encode("utf-16"), r"line 1: not a text in UTF-8"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = write_lines(tmp_path / "RTE/train.tsv", [])
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(tmp_path, "rte", "train")


@pytest.mark.parametrize(("name", "split"), EVERY_SPLIT)
def test_a_missing_file_says_where_it_is_obtained(tmp_path: Path, name: str, split: str) -> None:
    with pytest.raises(ValueError, match=r"\.tsv is missing: .*(GLUE download|Paraphrase Corpus)"):
        read(tmp_path, name, split)


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown GLUE set 'sts'.*did you mean 'sts-b'"):
        read(tmp_path, "sts", "train")
    with pytest.raises(ValueError, match="unknown split of rte 'validation-mismatched'"):
        read(tmp_path, "rte", "validation-mismatched")


def test_a_row_of_cola_is_as_published() -> None:
    assert row("cola", "train", 0, Example("Out .", None, 0)) == "source\t0\t\tOut ."
