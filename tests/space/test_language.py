"""What is no space is refused in one sentence that names file, line and field."""

import subprocess
import sys
from pathlib import Path

import pytest

from itnas.space import Space

BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "\n".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("widht: 3", "s: line 1: unknown key 'widht'; did you mean 'width'?"),
        ("width: 32\nsumary: x", "s: line 2: unknown key 'sumary'; did you mean 'summary'?"),
        (
            "layers:\n  kernel: {hiden: 3}",
            "s: line 2: layers.0.kernel: unknown setting 'hiden'; did you mean 'hidden'?",
        ),
        ("layers:\n  heads:\n    choise: [1]", "s: line 3: layers.heads: unknown key 'choise'; did you mean 'choice'?"),
        ("width: {choice: [16, x]}", "s: line 1: width: input should be a valid integer, got 'x' (with width=x)"),
        ("width: {choice: [16, '32']}", "s: line 1: width: input should be a valid integer, got '32'"),
        ("tied: 'False'", "s: line 1: tied: input should be a valid boolean, got 'False'"),
        ("width:\n  choice: []", "s: line 2: width: choice must not be empty"),
        ("width: {choice: 3}", "s: line 1: width: choice must be a list, got '3'"),
        ("width: {choice: {a: 1}}", "width: choice must be a list, got a mapping"),
        ("width: {choice: [16, 16]}", "s: line 1: width: the option '16' is given twice"),
        ("width: {choice: [1, true]}", "the option 'true' is given twice"),
        ("layers: {kernel: {choice: [{layers: 1}, {layers: 1}]}}", "the option '{layers: 1}' is given twice"),
        ("width: {int: [3, 1]}", "s: line 1: width: low <= high must hold, but got low=3, high=1"),
        ("width: {int: [0, 8], log: true}", "s: line 1: width: log needs low > 0, but got low=0"),
        ("width: {int: [1, 8], log: 1}", "s: line 1: width: log must be true or false, got '1'"),
        ("width: {int: [1, 8], step: 0}", "step must be at least 1, got step=0"),
        ("width: {int: [1, 8], step: 2, log: true}", "log and step exclude each other, got step=2"),
        ("width: {int: [1.5, 8]}", "int must be two whole numbers, got '1.5'"),
        ("width: {int: [1, 2, 3]}", "int must be a list [low, high], got '[1, 2, 3]'"),
        ("width: {int: [1, 10000000000000000]}", "bounds must be finite and at most 2^53"),
        ("training: {clip: {float: [a, b]}}", "training.clip: float must be two numbers, got 'a'"),
        ("training: {clip: {float: [0.1, .inf]}}", "s: line 1: numbers must be finite, got inf"),
        (
            "training: {clip: {float: [0.1, 1.0], step: 1}}",
            "unknown key 'step' in a domain: beside 'float' it takes log",
        ),
        ("width: {choice: [1, 2], log: true}", "unknown key 'log' in a domain: beside 'choice' it takes nothing"),
        ("width: {int: [1, 2], lgo: true}", "unknown key 'lgo' in a domain: beside 'int' it takes log and step; did"),
        ("layers: {kernel: {features: {subset: [offset, offset]}}}", "the member 'offset' is given twice"),
        ("layers: {kernel: {features: {subset: [offset], min: 2}}}", "min must be a whole number from 0 to 1, got '2'"),
        ("layers: {kernel: {features: {subset: [[1]]}}}", "members must be texts or numbers, got '[1]'"),
        ("layers: {kernel: {features: {subset: [offset, ofset]}}}", "got 'ofset'; did you mean 'offset'?"),
        ("specialist: transfomer", "s: line 1: specialist: unknown specialist 'transfomer': choose from 'convnet'"),
        ("specialist: {int: [1, 2]}", "s: line 1: specialist: a specialist's name, or a choice of them, is expected"),
        ("specialist: gru\ndepth: 1000000000", "depth: input should be less than or equal to 64"),
        ("constraints: {paramters: 3}", "constraints: unknown constraint 'paramters'; did you mean 'parameters'?"),
        ("constraints: {parameters: -3}", "s: line 1: constraints.parameters: must be a positive whole number"),
        ("constraints: {memory: 3 parsecs}", "constraints.memory: must be a positive number of bytes, or a text like"),
        ("constraints: 3", "s: line 1: constraints: a mapping of bounds is expected"),
        ("summary: [a]", "s: line 1: summary: one sentence is expected"),
        ('"a\\nb": 1', "s: line 1: a key has at most 100 characters on one line"),
        (f"{'k' * 101}: 1", "s: line 1: a key has at most 100 characters on one line"),
        ('layers: {kernel: {features: {subset: ["a\\nb"]}}}', "members must stand on one line, got 'a b'"),
        (f"layers: {{normaliser: {'x' * 900}}}", "got 'xxxxxxxxxxxx...xxxxxxxxxxxxx'"),
        ("", "s: the file is empty"),
        ("# nothing", "s: the file is empty"),
        ("[1, 2]", "s: a mapping of a genome's fields is expected, got list"),
        ("width: 3\nwidth: 4", "s: line 2: the key 'width' is given twice"),
        ("3: 4", "s: line 1: a key must be a text, got '3'"),
        ("? [1]\n: 3", "s: line 1: a key must be a text"),
        ("width: [3", "s: line 1: not valid YAML"),
        ("width: &a [*a]", "s: line 1: an alias stands inside what it names"),
        ("base: &a {x: 1}\nlayers:\n  <<: *a", "s: line 3: merge keys (<<) are not read"),
        ("width: 2020-01-01", "only texts, numbers, truth values, null, lists and mappings are allowed"),
        ("width: !!python/object/apply:os.system [touch executed]", "s: line 1: only texts, numbers,"),
        ("width: !!binary aGFsbG8=", "s: line 1: only texts, numbers,"),
        ("width: \x00", "s: the character U+0000 is not allowed in YAML"),
        ('width: "\\e[31m"', "s: line 1: the character U+001B is not allowed in a text"),
        ('summary: "\\u202Ereversed"', "s: line 1: the character U+202E is not allowed in a text"),
        ("summary: <script>alert(1)</script>", "s: line 1: mark-up is not allowed in a text"),
        ("layers: {normaliser: {choice: [<img src=x>, none]}}", "s: line 1: mark-up is not allowed in a text"),
        (BOMB, "s: more than 20,000 values, aliases written out"),
        ("layers: " + "[" * 100, "s: line 1: not valid YAML"),
        ("layers: " + "[" * 100 + "]" * 100, "s: line 1: nested more than 32 deep"),
        ("layers: " + "[" * 5000, "s: nested too deeply"),
        ("summary: " + "x" * 10_000_000, "s: larger than 256 kB, which no search space is"),
        (f"width: {'9' * 5000}", "s: line 1: "),
        (f"layers: {{kernel: {{features: {{subset: {list(range(40))}}}}}}}", "a subset has at most 32 members, got 40"),
        (
            f"width: {{choice: {list(range(1, 2000))}}}",
            "s: line 1: width: a choice has at most 1,000 options, got 1,999",
        ),
        (f"training: {{learning_rates: [{'{float: [0.1, 1.0]}, ' * 600}]}}", "s: 600 parameters; more than 500 are"),
        ("schema: 7", "schema 7 is newer than this itnas"),
    ],
)
def test_what_is_no_space_gets_one_sentence(text: str, message: str, tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="s: ") as caught:
        Space.parse(text, "s")
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert not list(tmp_path.iterdir())


def test_combinations_that_form_no_genome_are_refused_at_once() -> None:
    text = "tied: {choice: [false, true]}\nwidth: {choice: [16, 33]}\nlayers: {choice: [integral, gru, attention]}"
    with pytest.raises(ValueError, match="width=33 must be a multiple of heads=2") as caught:
        Space.parse(text)
    assert str(caught.value).endswith("(with width=33, layers=attention)")


def test_an_option_deep_in_one_branch_is_tried() -> None:
    """A thousand combinations above it would hide it from samples."""
    options = ", ".join(f"{{mixer: convolution, taps: {taps}}}" for taps in range(1, 900))
    text = f"layers:\n  choice: [{options},\n    {{mixer: gru, hedas: 2}}]"
    with pytest.raises(ValueError, match=r"space: line 3: layers\.0: unknown setting 'hedas'"):
        Space.parse(text)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("emergnce", "unknown search space (and no such file) 'emergnce': choose from 'emergence'"),
        ("../x", "no such file: ../x"),
        ("../search_spaces/emergence", "no such file: ../search_spaces/emergence"),
        ("x\ny.yaml", r"no such file: 'x\ny.yaml'"),
        ("/dev/zero", "/dev/zero is not a regular file"),
        (".", ". is a folder: name a YAML file in it"),
        ("x" * 5000, "unknown search space (and no such file)"),
        ("x/" * 5000, "File name too long"),
        ("a\0b", "a character that no file name holds"),
    ],
)
def test_names_that_lead_nowhere(name: str, message: str, tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"\w") as caught:
        Space.load(name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_are_read_with_care(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbfwidth: {choice: [16, 32]}\r\nsummary: >\r\n  Two\r\n  lines.\r\n")
    space = Space.load(path)
    assert (space.name, space.summary, space.size()) == ("mine", "Two lines.", 2)
    path.write_bytes(b"width: \xff")
    with pytest.raises(ValueError, match=r"mine.yaml: not a text file: YAML or JSON in UTF-8 is expected"):
        Space.load(path)
    path.write_bytes(b"#" * 10_000_000)
    with pytest.raises(ValueError, match=r"mine.yaml: larger than 256 kB"):
        Space.load(path)
    marked = tmp_path / "<b>.yaml"
    marked.write_text("width: 32")
    with pytest.raises(ValueError, match="'<b>' is no name for a space"):
        Space.load(marked)


def test_a_file_may_stand_anywhere_and_be_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.json").write_text('{"width": {"choice": [16, 32]},\n "widht": 3}')
    with pytest.raises(ValueError, match=r"mine.json: line 2: unknown key 'widht'"):
        Space.load("mine.json")
    Path("bare").write_text("width: {int: [8, 16]}")
    assert Space.load("bare").size() == 9


def test_labels_are_readable() -> None:
    def labels(options: str) -> tuple[object, ...]:
        return (
            Space.parse(f"layers: {{kernel: {{choice: [{options}]}}}}").root.entries[0][1].entries[0][1].choice.labels
        )

    assert labels("mlp, factorised") == ("mlp", "factorised")
    assert labels("{kind: mlp, hidden: {int: [1, 2]}}, factorised") == ("mlp", "factorised")
    assert labels("{kind: mlp, layers: 0}, {kind: mlp, layers: 2}") == ("layers: 0", "layers: 2")
    assert labels("{layers: 1, hidden: 4}, {layers: 1, hidden: 8}, {layers: 0, hidden: 4}") == (
        "layers: 1, hidden: 4",
        "hidden: 8",
        "layers: 0",
    )
    nested = Space.parse("layers: {choice: [{kernel: {kind: mlp}}, {kernel: {kind: factorised}}]}")
    assert nested.root.entries[0][1].choice.labels == ("mlp", "factorised")
    rates = Space.parse("training: {learning_rates: {choice: [[0.01], [0.001, 0.01]]}}")
    assert rates.distributions({"training.learning_rates": "[0.01]"})["training.learning_rates"].labels == (
        "[0.01]",
        "[0.001, 0.01]",
    )


def test_spaces_need_no_torch() -> None:
    code = (
        "import sys; from itnas.space import Space; [Space.load(name) for name in ('full', 'specialists')];"
        "print({'torch', 'ray', 'optuna'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
