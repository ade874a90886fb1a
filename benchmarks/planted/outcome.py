"""What `explain` says of a planted layer, and how often it is right."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from itnas.behaviour import LayerVerdict, Thresholds, explain
from itnas.behaviour.agreement import wilson

from .base import KINDS, Planted, draw

MIXED, BROKEN = "mixed", "error"


@dataclass(frozen=True)
class Outcome:
    """One instance: what it is, what it was named, and what that was read from."""

    kind: str
    seed: int
    stream: str
    length: int
    scored: bool
    expected: str
    named: str
    parts: tuple[str, ...]
    right: bool
    reason: str
    evidence: dict[str, Any]
    seconds: float

    @property
    def is_sum(self) -> bool:
        return self.expected == MIXED

    def line(self) -> str:
        """For whoever looks for what went wrong."""
        who = f"{self.kind}, seed {self.seed}, N {self.length}, {self.stream}{', scored' * self.scored}"
        named = f"{self.named} {' + '.join(self.parts)}".strip()
        shown = ", ".join(f"{name} {value}" for name, value in self.evidence.items())
        return f"{who}: {self.expected} was named {named} ({self.reason}). {shown}"


def examine(planted: Planted, thresholds: Thresholds | None = None) -> Outcome:
    """One layer, and its inputs, cross-examined; a planted layer that breaks `explain` is misnamed too."""
    start = time.process_time()
    try:
        found: LayerVerdict | str = verdict_on(planted, thresholds)
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        found = f"{type(error).__name__}: {error}"
    return outcome_of(planted, found, time.process_time() - start)


def verdict_on(planted: Planted, thresholds: Thresholds | None = None) -> LayerVerdict:
    score = planted.score() if planted.scored else None
    explained = explain(planted.layer, planted.inputs, planted.lengths, score, thresholds=thresholds, copies=0)
    (verdict,) = explained.layers
    return verdict


def outcome_of(planted: Planted, found: LayerVerdict | str, seconds: float) -> Outcome:
    """`found`: the verdict, or what went wrong."""
    if isinstance(found, str):
        named, parts, reason, evidence = BROKEN, tuple[str, ...](), found, dict[str, Any]()
    else:
        named, parts, reason = found.family, tuple(sorted(found.parts)), found.reading.reason
        evidence = _evidence(found)
    return Outcome(
        kind=planted.kind.name,
        seed=planted.seed,
        stream=planted.stream,
        length=planted.lengths[-1],
        scored=planted.scored,
        expected=planted.kind.expected,
        named=named,
        parts=parts,
        right=named == planted.kind.expected and parts == planted.kind.parts,
        reason=reason,
        evidence=evidence,
        seconds=seconds,
    )


def _evidence(verdict: LayerVerdict) -> dict[str, Any]:
    found: dict[str, Any] = {family: round(value, 2) for family, value in verdict.fidelity.items()}
    main = verdict.main
    found |= {
        "context": None if main.rho is None else round(main.rho, 2),
        "support": main.needed("convolution"),
        "near": main.needed("local"),
    }
    found["states"] = {str(length): need for length, need in verdict.states.items()}
    if verdict.heads:
        found["heads"] = [head.family for head in verdict.heads]
    return found


def outcomes(
    draws: int,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
    longest: int | None = None,
    thresholds: Thresholds | None = None,
) -> Iterator[Outcome]:
    """Instances `seed`, ..., `seed + draws - 1` of each kind; with `longest`, all at that length."""
    for kind in list(KINDS) if kinds is None else kinds:
        for number in range(seed, seed + draws):
            yield examine(draw(kind, number, longest), thresholds)


def summary(found: Sequence[Outcome]) -> dict[str, list[dict[str, Any]]]:
    """Tables: accuracies, the confusion matrix, kinds, and every failure."""
    pure, sums = [each for each in found if not each.is_sum], [each for each in found if each.is_sum]
    groups = {"pure": pure, "sums, both parts named": sums}
    groups |= {f"pure, {stream}": own for stream, own in _by(pure, "stream").items()}
    groups |= {f"pure, N = {length}": own for length, own in sorted(_by(pure, "length").items())}
    groups |= {f"pure, {'with' if scored else 'without'} a task": own for scored, own in _by(pure, "scored").items()}
    confusion: dict[str, Counter[str]] = {}
    for each in found:
        confusion.setdefault(each.expected, Counter())[each.named] += 1
    families = list(confusion) + sorted({name for named in confusion.values() for name in named} - set(confusion))
    return {
        "planted": [_accuracy(name, own) for name, own in groups.items() if own],
        "confusion": [
            {"planted": expected} | {name: named.get(name, 0) for name in families}
            for expected, named in confusion.items()
        ],
        "kinds": kind_rows(found),
        "failures": [asdict(each) for each in found if not each.right],
    }


def _accuracy(name: str, found: Sequence[Outcome]) -> dict[str, Any]:
    right = share_right(found)
    low, high = wilson(right, float(len(found)))
    seconds = sum(each.seconds for each in found)
    row = {"layers": name, "draws": len(found), "named rightly": right, "95 %": f"{low:.3f}-{high:.3f}"}
    return row | {"CPU seconds each": seconds / len(found)}


def kind_rows(found: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row per kind: how many were named rightly, what the others were named, how long it took."""
    return [
        {
            "kind": kind,
            "expected": own[0].expected,
            "draws": len(own),
            "right": sum(each.right for each in own),
            "named instead": ", ".join(sorted(each.named for each in own if not each.right)),
            "seconds each": sum(each.seconds for each in own) / len(own),
        }
        for kind, own in _by(found, "kind").items()
    ]


def _by(found: Sequence[Outcome], attribute: str) -> dict[Any, list[Outcome]]:
    groups: dict[Any, list[Outcome]] = {}
    for each in found:
        groups.setdefault(getattr(each, attribute), []).append(each)
    return groups


def share_right(found: Sequence[Outcome]) -> float:
    return sum(each.right for each in found) / max(len(found), 1)
