"""Runs of every kind that a page may be asked to show, each written in milliseconds. `ODD` has them by name."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from itnas.registry import Registry
from tests.dashboard.planting import BEGUN, SETTINGS, Planting, kernels, planting, verdict

Make = Callable[[Path], None]
ODD: Registry[Make] = Registry("planted run")
FAMILIES = ("convolution", "recurrence", "attention", "local", "dense", "positional", "pointwise", "mixed", "none")
IMAGE = "<img src=x onerror=alert(1)>"
LINK = r"$\href{javascript:1}{x}$"
FORMULA = '=HYPERLINK("x")'
SCRIPT = "</script><script>window.hacked=1</script>"
LONG = "very-long-" * 400
CONTROL = "bell\x07 null\x00 escape\x1b[31m right-to-left\u202e"
NAMES = (IMAGE, LINK, FORMULA, SCRIPT, LONG, CONTROL)


def odd(make: Make) -> Make:
    return ODD.add(make.__name__, make)


@odd
def empty(folder: Path) -> None:
    """Created, and nothing asked yet."""
    with planting(folder, ["flip-flop"], state="created"):
        pass


@odd
def one_trial(folder: Path) -> None:
    with planting(folder, ["flip-flop"]) as run:
        trial = run.trial("flip-flop", genes={"heads": 2})
        run.trained(trial)
        run.examined(trial, ["convolution"])
        run.kept(trial)


@odd
def all_failed(folder: Path) -> None:
    with planting(folder, ["flip-flop"]) as run:
        for number in range(6):
            how: dict[str, Any] = {"state": "failed", "reason": "ValueError: no luck", "rung": 0}
            how |= {"parameters": None, "flops": None, "cost": None, "learning_rate": None}
            run.logged(run.trial("flip-flop", None, genes={"heads": number}, **how), "Traceback: no luck\n")


def genes_of(number: int) -> dict[str, Any]:
    """Genes of two branches: each trial has those of one."""
    shared = {"layers.kind": ("mlp", "factorised")[number % 2], "weight_decay": 10.0 ** -(number % 4 + 1)}
    mlp = {"hidden": 4 + number % 60, "features/offset": number % 3 == 0}
    return shared | (mlp if number % 2 == 0 else {"rank": (2, 4, 8)[number % 3]})


def fill(run: Planting, task: str, trials: int) -> None:
    """Specialists, the random arm, the sampler; some pruned, failed, infeasible or running."""
    for mixer, score in (("convnet", 0.4), ("gru", 0.6)):
        run.trained(run.trial(task, score, origin="specialist", mixer=mixer), score=score)
    for place in range(trials - 2):
        number, origin = run.number, "random" if place % 5 == 0 else "sampler"
        score: float | None = round(0.3 + 0.6 * place / trials, 4)
        how: dict[str, Any] = {}
        if place % 9 == 8:
            how, score = {"state": "failed", "reason": "DivergedError: all replicas diverged"}, None
        elif place % 9 == 7:
            how, score = {"state": "pruned", "rung": 2}, 0.2
        elif place % 9 == 6:
            how, score = {"state": "infeasible", "reason": "too many parameters", "started": None}, None
        elif place == trials - 3:
            how, score = {"state": "running", "finished": None, "seconds": None}, None
        run.trial(task, score, origin=origin, genes=genes_of(number), width=8 * (1 + place % 4), **how)
        run.trained(number, score=score, dead=3 if place % 4 == 0 else None)
        if how.get("state") == "failed":
            run.logged(number, "Traceback (most recent call last):\n  it diverged\n" * 3)


@odd
def ordinary(folder: Path) -> None:
    """All that a sweep leaves behind: layers of every family, confirmations, kernels, logs."""
    with planting(folder, ["local-pattern", "recall", "flip-flop"]) as run:
        for place, task in enumerate(run.tasks):
            first = run.number
            fill(run, task, 30)
            best = first + 25
            for number in range(first, first + 9):
                run.examined(number, [FAMILIES[number % 9], FAMILIES[(number + 1) % 9]])
            for number, score in ((first, 0.41), (best, 0.8)):
                run.confirmed(number, task, score)
                run.trained(number, score=score, phase="confirm")
                run.examined(number, [FAMILIES[place], "attention"], phase="confirm", replicas=3)
                run.kept(number, phase="confirm")
            run.kept(first + 2)


@odd
def hundred_tasks(folder: Path) -> None:
    tasks = [f"delay/steps={number}" for number in range(100)]
    with planting(folder, tasks) as run:
        for number, task in enumerate(tasks):
            trial = run.trial(task, number / 100, genes={"heads": number % 4})
            run.trial(task, 0.2, origin="random", genes={"heads": 1})
            run.examined(trial, [FAMILIES[number % 9], "attention"])


@odd
def two_objectives(folder: Path) -> None:
    settings = SETTINGS | {"tasks": ["recall"], "objectives": ["score", "flops"]}
    with planting(folder, ["recall"], settings=settings) as run:
        for number in range(20):
            width = 4 * (1 + number % 5)
            run.trial("recall", 0.1 + 0.04 * number, genes=genes_of(number), width=width, cost=250.0 * width)


@odd
def infinite(folder: Path) -> None:
    """Whatever a number may be instead of a number."""
    values = [math.inf, -math.inf, math.nan, None, 1e308, -1e308, 5e-324, 0.5, 0.6]
    with planting(folder, ["recall"], levels={"recall": {"chance": None, "ceiling": None}}) as run:
        for number, value in enumerate([*values, *values]):
            swapped = values[-1 - number % 9]
            how = dict.fromkeys(("score_low", "score_high", "cost", "flops", "seconds", "learning_rate"), swapped)
            genes = {"heads": number, "rate": value if value in values[4:] else 0.1}
            trial = run.trial("recall", value, genes=genes, **how)
            run.trained(trial, score=value)
            run.examined(trial, ["attention", "mixed"], fidelity_attention=None, fidelity_low=None, support=None)
            run.confirmed(trial, "recall", value)


@odd
def without_arrays(folder: Path) -> None:
    """Rows tell of kernels whose files are gone."""
    with planting(folder, ["recall"]) as run:
        for number in range(4):
            run.trial("recall", number / 4, genes={"heads": number})
            run.examined(number, ["attention"])
            run.kept(number, there=False)


@odd
def torn_arrays(folder: Path) -> None:
    """Kernel files that are half there, or hold something else."""
    contents = [b"", b"no archive", half(), numbers_only()]
    with planting(folder, ["recall"]) as run:
        for number, content in enumerate(contents):
            run.trial("recall", number / 4, genes={"heads": number})
            run.kept(number, content=content)


def half() -> bytes:
    return kernels()[:-2_000]


def numbers_only() -> bytes:
    """A layer without any array but an empty text of what it is about."""
    content = io.BytesIO()
    np.savez_compressed(content, about=np.array('{"0.0": {}}'))
    return content.getvalue()


@odd
def hostile(folder: Path) -> None:
    """Names that a browser, a spreadsheet or a terminal would like to run."""
    with planting(folder, list(NAMES), state="interrupted", space={"name": IMAGE, "text": SCRIPT}) as run:
        run.run.set("versions", {IMAGE: SCRIPT, LINK: FORMULA})
        run.run.set("machine", {"cpu": IMAGE, "cores": SCRIPT, "gpus": [LINK]})
        for task in NAMES:
            for place, name in enumerate(NAMES):
                genes = {name: number for number, name in enumerate(NAMES)} | {"kind": name, IMAGE: name}
                how: dict[str, Any] = {"worker": name, "reason": name}
                trial = run.trial(task, 0.1 + place / 10, genes=genes, **how)
                run.examined(trial, [name], sentence=name, reason=name, untrained=[name, name])
                run.trial(task, 0.3, origin="specialist", mixer="gru", **how | {"name": name})
                run.confirmed(trial, task, 0.3, reason=name, worker=name)
                failed = run.trial(task, None, genes={}, **how | {"state": "failed"})
                run.logged(failed, f"{name}\n{SCRIPT}")
            run.kept(trial)
            run.trial(task, None, state="running", worker=IMAGE, finished=None)


@odd
def damaged(folder: Path) -> None:
    """Texts that are no JSON where some was written, or JSON of another kind."""
    garbage = [
        "{",
        "",
        "[]",
        "7",
        '"text"',
        "null",
        '{"head": null}',
        json.dumps(verdict(0, 0, None, "dense") | {"untrained": [1]}),
        json.dumps(verdict(0, 0, None, "dense") | {"layer": "x"}),
        '{"head": "x", "family": 3}',
        "\x00",
    ]
    with planting(folder, ["recall"]) as run:
        for number, data in enumerate(garbage):
            run.trial("recall", number / 10, genes={"heads": number})
            at = {"trial": number, "phase": "search", "replica": 0, "layer": 0, "head": -1, "family": "attention"}
            run.run.put("layers", [at | {"data": data}])
            run.kept(number, there=False)


def many(folder: Path, trials: int = 10_000) -> None:
    """So many that portions matter. In one statement, as it is for size alone."""
    with planting(folder, ["recall"]) as run:
        first = run.trial("recall", 0.5, genes={"heads": 1})
        (row,) = run.run.rows("SELECT * FROM trials WHERE number = ?", first)
        random = np.random.default_rng(0)
        scores, states = random.random(trials), random.choice(["complete", "pruned", "failed"], trials)
        rows = [
            row | {"number": number, "state": str(state), "score": float(score) if state == "complete" else None,
                   "started": BEGUN + number, "worker": f"host/{number % 7}"}
            for number, (score, state) in enumerate(zip(scores, states, strict=True))
        ]  # fmt: skip
        run.run.put("trials", rows)
        asked = {"kind": "ask", "task": "recall", "data": '{"origin":"sampler","parameters":{"heads":2}}'}
        events = [asked | {"time": BEGUN + number, "trial": number} for number in range(1, trials)]
        run.run.put("events", events, replace=False)
