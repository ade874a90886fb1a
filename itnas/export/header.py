"""What a network's own file says of itself: where it comes from, what goes in and what comes out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from itnas.export.blueprint import AXES
from itnas.export.parity import Comparison
from itnas.export.source import Source
from itnas.tasks import Task

WIDTH = 120
MEANINGS = {
    "valid": "False at padding",
    "weights": "the measure of each point",
    "times": "of each point, not decreasing",
    "spacing": "the length of a cell",
    "positions": "of each point",
    "edges": "how much point i sees of point j",
}


def header(source: Source, comparison: Comparison) -> str:
    """The docstring of the file."""
    told = source.provenance
    rows = [
        ("Task", source.task.label),
        ("Genome", source.genome.hash + _origin(told)),
        *_scores(told),
        *_crystallised(told),
        *(
            (name, f"{signature_of(name, part)}{_meaning(source.task, name)}")
            for name, part in comparison.given[0].items()
        ),
        ("outputs", _outputs(source.task)),
    ]
    wide = max(len(name) for name, _ in rows) + 2
    lines = [line for name, text in rows for line in _wrapped(f"{name}:".ljust(wide), text)]
    usage = ["    from model import load", "", f"    outputs = load()({', '.join(_passed(comparison.given[0]))})"]
    first = _safe(f"A network for the task {source.task.name}, found and trained by itnas. It needs torch alone.")
    return "\n".join(['"""' + first, "", *lines, "", *usage, '"""'])


def signature_of(name: str, part: Tensor) -> str:
    """Type and axes of an argument: float64 [batch, length, 3]."""
    axes = AXES.get(name, ())
    shown = [*(axis if part.shape[at] > 1 else "1" for at, axis in enumerate(axes)), *map(str, part.shape[len(axes) :])]
    return f"{str(part.dtype).removeprefix('torch.')} [{', '.join(shown)}]"


def demonstration(task: Task, given: Mapping[str, Tensor]) -> str:
    """The lines that run the network on random inputs."""
    length = given["inputs"].shape[1]
    made = f"torch.randn(2, {length}, {task.channels})"
    if task.vocabulary is not None:
        made = f"torch.randint({task.vocabulary}, (2, {length}))"
    lines = [f"inputs = {made}"]
    if "times" in given:
        lines.append(f"times = torch.arange({length}).unsqueeze(0)")
    if "spacing" in given:
        lines.append(f"spacing = torch.tensor({given['spacing'].tolist()!r})")
    if "positions" in given:
        lines.append(f"positions = torch.randn(2, {length}, {given['positions'].shape[2]})")
    if "edges" in given:
        lines.append(f"edges = torch.eye({length}).roll(1, 0).unsqueeze(0)")
    passed = [name for name in _passed(given) if not name.startswith(("weights", "valid"))]
    lines += [f"outputs = load()({', '.join(passed)})", "print(tuple(outputs.shape))  # noqa: T201"]
    return "\n".join(f"    {line}" for line in lines)


def _passed(given: Mapping[str, Tensor]) -> list[str]:
    return ["inputs", *(f"{name}={name}" for name in given if name != "inputs")]


def _origin(told: Mapping[str, Any]) -> str:
    if told.get("run") is None or told.get("trial") is None:
        return ""
    return f", trial {told['trial']} of the run {told['run']}"


def _crystallised(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Which layers classical ones stand in for, and what that did to the score; the scores above are of before."""
    about = told.get("crystallised")
    if not isinstance(about, Mapping):
        return []
    count = sum(each["agrees"] is not None for each in about["layers"])
    scores = f"validation score {about['score_before']:.4g} before, {about['score_after']:.4g} after"
    return [("Classical", f"{count} of {len(about['layers'])} layers are classical ones that stand in; {scores}")]


def _scores(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The validation score with its interval, the test score, and what each layer became."""
    rows = []
    for name, key in (("Score", "score"), ("Test score", "test_score")):
        score = told.get(key)
        if isinstance(score, Mapping) and score.get("mean") is not None:
            between = ""
            if score.get("low") is not None and score.get("high") is not None:
                between = f" (95 %: {score['low']:.4g} to {score['high']:.4g})"
            chance = f", chance {told['chance']:.4g}" if told.get("chance") is not None else ""
            rows.append((name, f"{score['mean']:.4g} {told.get('metric', '')}{between}{chance}"))
    for verdict in told.get("verdicts") or ():
        if verdict.get("replica") == told.get("replica") and verdict.get("sentence"):
            rows.append((f"Layer {verdict['layer'] + 1}", verdict["sentence"]))
    return rows


def _meaning(task: Task, name: str) -> str:
    if name == "inputs":
        return "" if task.vocabulary is None else f", tokens from 0 to {task.vocabulary - 1}"
    return f", {MEANINGS[name]}" if name in MEANINGS else ""


def _outputs(task: Task) -> str:
    axes = "batch" if task.readout == "pooled" else "batch, length"
    what = f"logits of {task.outputs} classes" if task.classifies else "numbers"
    return f"float32 [{axes}, {task.outputs}], {what}"


def _wrapped(name: str, text: str) -> list[str]:
    return textwrap.wrap(name + _safe(text), WIDTH, subsequent_indent=" " * len(name), break_on_hyphens=False)


def _safe(text: str) -> str:
    """Words that cannot end a docstring."""
    return " ".join(text.split()).replace("\\", "/").replace('"', "'")
