"""Users' own tasks: `module:Class` is found, and whatever is wrong with one ends in one sentence that says so."""

import re
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from itnas.tasks import find
from itnas.tasks.poisson import Poisson
from itnas.tasks.validate import validate

GOOD = """
from dataclasses import dataclass, replace
from typing import Literal, Optional

import numpy as np
import torch

from itnas.operator.domain import Cloud, Grid
from itnas.tasks import Batch, Task


@dataclass(frozen=True)
class Copy(Task):
    name = "copy"
    summary = "tokens go in and come out"
    expects = "pointwise"

    vocab: int = 8
    noise: float | None = None
    window: Optional[int] = None
    mode: Literal["plain", "fancy"] = "plain"
    order: Literal[1, 2] = 1
    loud: bool = False

    vocabulary = property(lambda self: self.vocab)
    outputs = property(lambda self: self.vocab)
    chance = property(lambda self: 1 / self.vocab)

    def draw(self, rng, size, length):
        tokens = torch.from_numpy(rng.integers(self.vocab, size=(size, length)))
        return Batch(tokens, tokens.clone())


class Regress(Copy):
    name = "regress"
    metric = "r2"
    vocabulary = None
    channels = 2
    outputs = 3
    chance = 0.0

    def draw(self, rng, size, length):
        inputs = torch.from_numpy(rng.standard_normal((size, length, 2)).astype(np.float32))
        return Batch(inputs, inputs[..., :1].repeat(1, 1, 3))

    def changed(self, batch, **parts):
        return replace(batch, **parts)


class Unfinished(Task):
    name = "unfinished"
    summary = expects = "nothing"
    vocabulary = outputs = 2


NotATask = 3
"""

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module of a new name to the current folder; returns the name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before, numbers = set(sys.modules), count()

    def module(extra: str = "", base: str = GOOD) -> str:
        name = f"my_tasks_{tmp_path.name}_{next(numbers)}".replace("-", "_")
        Path(f"{name}.py").write_text(base + extra)
        return name

    yield module
    for name in set(sys.modules) - before:
        if name.startswith("my_tasks_"):
            del sys.modules[name]


def refused(name: str) -> str:
    """The sentence that refuses it."""
    with pytest.raises(ValueError, match=r"task|module") as caught:
        find(name)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 800  # it may list all tasks
    return sentence


def variant(body: str, base: str = "Regress") -> str:
    """A class that differs from a good one; `body` makes up its lines."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"\n\nclass Odd({base}):\n    name = 'odd'\n{lines}\n"


def drawing(change: str, base: str = "Regress") -> str:
    """A class whose `draw` changes a good batch b."""
    return variant(
        "changed = Regress.changed\n"
        "def draw(self, rng, size, length):\n"
        "    b = super().draw(rng, size, length)\n"
        f"    return {change}",
        base,
    )


@pytest.mark.parametrize("name", ["Copy", "Regress"])
def test_a_good_task_is_found(write: Write, name: str) -> None:
    task = find(f"{write()}:{name}")
    assert task.name == name.lower()
    assert len(task.batch(size=5)) == 5
    assert find(task) is task


def test_settings_are_read_as_their_types(write: Write) -> None:
    task = find(f"{write()}:Copy/vocab=4,noise=0.5,window=3,mode=fancy,order=2,loud=yes,length=12,examples=none")
    found = {
        key: getattr(task, key) for key in ("vocab", "noise", "window", "mode", "order", "loud", "length", "examples")
    }
    assert found == {
        "vocab": 4, "noise": 0.5, "window": 3, "mode": "fancy", "order": 2, "loud": True, "length": 12, "examples": None
    }  # fmt: skip
    path = f"{write()}:Copy"
    assert find(f"{path}/window=none,loud=false").label == path
    chosen = find(f"{path}/vocab=4")
    assert chosen.label == f"{path}/vocab=4"
    assert find(chosen.label) == chosen


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("vocab=many", r"task copy: vocab must be int, got 'many'"),
        ("window=1.5", r"task copy: window must be int, got '1.5'"),
        ("loud=False!", r"unknown task copy: loud 'False!'.*did you mean 'false'"),
        ("mode=fanci", r"unknown task copy: mode 'fanci'.*did you mean 'fancy'"),
        ("order=3", r"unknown task copy: order '3': choose from '1', '2'"),
        ("vocap=3", r"unknown setting of task copy 'vocap'.*did you mean 'vocab'"),
        ("small", r"unknown variant of task copy 'small'"),
        ("vocab=0", r"outputs must be an integer from 1 up, got 0|chance failed: ZeroDivisionError"),
    ],
)
def test_wrong_settings_are_refused(write: Write, settings: str, sentence: str) -> None:
    assert re.search(sentence, refused(f"{write()}:Copy/{settings}"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("self.changed(b, inputs=b.inputs[:, 1:])", "inputs must be float32 [48, 64, 2], got float32 [48, 63, 2]"),
        ("self.changed(b, inputs=b.inputs[..., :1])", "inputs must be float32 [48, 64, 2], got float32 [48, 64, 1]"),
        ("self.changed(b, inputs=b.inputs.double())", "inputs must be float32 [48, 64, 2], got float64"),
        ("self.changed(b, targets=b.targets[..., 0])", "targets must be float32 [48, 64, 3], got float32 [48, 64]"),
        ("self.changed(b, targets=b.targets.long())", "targets must be float32 [48, 64, 3], got int64"),
        ("self.changed(b, targets=b.targets / 0 * 0)", "targets hold NaN or infinity"),
        ("self.changed(b, inputs=b.inputs.log())", "inputs hold NaN or infinity"),
        ("self.changed(b, mask=b.inputs[..., 0] > 99)", "mask is False everywhere"),
        ("self.changed(b, mask=b.inputs > 0)", "mask must be bool [48, 64], got bool [48, 64, 2]"),
        ("self.changed(b, mask=b.inputs[..., 0])", "mask must be bool [48, 64], got float32 [48, 64]"),
        ("(b.inputs, b.targets)", "draw must return an itnas.tasks.Batch, got tuple"),
        ("1 / 0", "drawing it failed: ZeroDivisionError"),
        ("self.changed(b, inputs=torch.randn(size, length, 2))", "two calls with the same seed and step differ"),
        ("self.changed(b, targets=torch.randn(size, length, 3))", "two calls with the same seed and step differ"),
        ("self.changed(b, mask=torch.rand(size, length) > 0.5)", "two calls with the same seed and step differ"),
        ("self.changed(b, domain=Cloud(torch.rand(size, length, 1)))", "two calls with the same seed and step differ"),
        ("self.changed(b, domain=Grid(8))", "the domain does not fit: Grid(8,) has 8 cells"),
        ("self.changed(b, domain=Grid((1, length)))", "its points have 2 axes of space, but position_dim=1"),
        ("self.changed(b, domain=Cloud(b.inputs[..., :1].log()))", "positions of the domain hold NaN"),
        ("self.changed(b, domain='grid')", "drawing it failed: AttributeError"),
    ],
)
def test_wrong_batches_are_refused(write: Write, change: str, sentence: str) -> None:
    assert sentence in refused(f"{write(drawing(change))}:Odd")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("self.changed(b, targets=b.targets + 1)", "targets must lie in 0 to outputs - 1 = 7, got 1 to 8"),
        ("self.changed(b, targets=b.targets - 1)", "targets must lie in 0 to outputs - 1 = 7, got -1 to 6"),
        ("self.changed(b, inputs=b.inputs + 1)", "inputs must lie in 0 to vocabulary - 1 = 7, got 1 to 8"),
        ("self.changed(b, inputs=b.inputs.int())", "inputs must be int64 [48, 64], got int32 [48, 64]"),
        ("self.changed(b, targets=b.targets.float())", "targets must be int64 [48, 64], got float32 [48, 64]"),
    ],
)
def test_wrong_tokens_are_refused(write: Write, change: str, sentence: str) -> None:
    assert sentence in refused(f"{write(drawing(change, 'Copy'))}:Odd")


def test_targets_that_are_not_scored_may_be_anything(write: Write) -> None:
    change = "self.changed(b, mask=b.inputs > 3, targets=torch.where(b.inputs > 3, b.targets, -100))"
    assert find(f"{write(drawing(change, 'Copy'))}:Odd").name == "odd"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("metric = 'acuracy'", "unknown metric of task odd 'acuracy'"),
        ("readout = 'pool'", "unknown readout of task odd 'pool'"),
        ("readout = 'pooled'", "targets must be float32 [48, 3], got float32 [48, 64, 3]"),
        ("channels = 0", "channels must be an integer from 1 up, got 0"),
        ("outputs = 0", "outputs must be an integer from 1 up, got 0"),
        ("chance = float('nan')", "chance must be a finite number, got nan"),
        ("chance = 2.0", "chance < ceiling must hold, got chance=2.0, ceiling=1.0"),
        ("ceiling = 'high'", "ceiling must be a number or None, got 'high'"),
        ("lengths = 5", "lengths must be a tuple of integers, got 5"),
        ("def draw(self, rng, size, length): raise SystemExit", "drawing it failed: SystemExit"),
        (
            "def draw(self, rng, size, length): return super().draw(rng, 7, length)",
            "asked for 48 samples and returned 7",
        ),
        ("lengths = property(lambda self: 1 / 0)", "lengths failed: ZeroDivisionError"),
        ("summary = 3", "Odd needs a class attribute 'summary', a text"),
        ("expects = None", "Odd needs a class attribute 'expects', a text"),
        ("def __init__(self): raise KeyError('x')", "task odd could not be made with its defaults: 'x'"),
        ("def __init__(self): raise ValueError('task odd: no')", "task odd: no"),
        # Right at its own length, wrong at others.
        ("def draw(self, rng, size, length): return super().draw(rng, size, 64)", "train batch of length 16: inputs"),
        (
            "late: 'NoSuchType' = 3",
            "the type of a setting cannot be read at run time: name 'NoSuchType' is not defined",
        ),
    ],
)
def test_wrong_classes_are_refused(write: Write, body: str, sentence: str) -> None:
    assert sentence in refused(f"{write(variant(body))}:Odd")


def test_a_mask_where_samples_have_one_target_is_refused(write: Write) -> None:
    change = "self.changed(b, targets=b.targets[:, 0], mask=b.inputs[..., 0] > 0)"
    body = drawing(change) + "    readout = 'pooled'\n"
    assert "mask must be None where readout is 'pooled'" in refused(f"{write(body)}:Odd")


def test_a_class_that_is_not_there_is_refused_with_what_is(write: Write) -> None:
    sentence = refused(f"{write()}:Copi")
    assert "unknown class in" in sentence
    assert "did you mean 'Copy'" in sentence
    # Abstract classes are no choices.
    assert "'Task'" not in sentence
    assert "'Unfinished'" not in sentence
    assert "holds no subclass of itnas.tasks.Task, so no 'Copy'" in refused(f"{write(base='x = 1')}:Copy")


def test_abstract_and_foreign_classes_are_refused(write: Write) -> None:
    assert "Unfinished does not define chance, draw" in refused(f"{write()}:Unfinished")
    for name in ("NotATask", "Batch"):
        assert f"{name} must be a subclass of itnas.tasks.Task" in refused(f"{write()}:{name}")


def test_a_class_without_a_name_is_refused(write: Write) -> None:
    extra = "\n\nclass Bare(Task):\n    vocabulary = outputs = 2\n    chance = 0.5\n    draw = Copy.draw\n"
    assert "Bare needs a class attribute 'name', a text" in refused(f"{write(extra)}:Bare")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import no_such_library", "failed: ModuleNotFoundError: No module named 'no_such_library'"),
        ("def broken(:", "failed: SyntaxError"),
        ("1 / 0", "failed: ZeroDivisionError"),
        ("from itnas.tasks import *\n@register\nclass P(Task):\n    name = 'poisson'", "'poisson' is registered twice"),
        (
            "from itnas.tasks import Task\nfrom dataclasses import *\n@dataclass\nclass P(Task): pass",
            "TypeError: cannot inherit",
        ),
    ],
)
def test_modules_that_cannot_be_imported_are_refused(write: Write, text: str, sentence: str) -> None:
    assert sentence in refused(f"{write(base=text)}:Odd")


@pytest.mark.parametrize("name", ["no_such_module_here:Task", ":Task", ".relative:Task"])
def test_modules_that_are_not_there_are_refused(name: str) -> None:
    assert "importing" in refused(name)


def test_a_name_without_a_colon_is_looked_up_among_the_known() -> None:
    assert find("poisson/modes=3") == Poisson(modes=3)
    assert "did you mean 'poisson'" in refused("poison")
    validate(Poisson())


def test_a_setting_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"task recall: pairs is named twice in 'pairs=4,pairs=5'"):
        find("recall/pairs=4,pairs=5")
