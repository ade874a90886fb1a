"""What `explain` says of a planted layer, and how often it is right."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from itnas.behaviour import LayerVerdict, explain

from .base import KINDS, Planted, draw

MIXED, BROKEN = "mixed", "error"


@dataclass(frozen=True)
class Outcome:
    """One instance: what it is, what it was named, and what that was read from."""

    kind: str
    seed: int
    stream: str
    length: int
    expected: str
    named: str
    parts: tuple[str, ...]
    right: bool
    reason: str
    evidence: dict[str, Any]
    seconds: float

    def line(self) -> str:
        """For whoever looks for what went wrong."""
        who = f"{self.kind}, seed {self.seed}, N {self.length}, {self.stream}"
        named = f"{self.named} {' + '.join(self.parts)}".strip()
        shown = ", ".join(f"{name} {value}" for name, value in self.evidence.items())
        return f"{who}: {self.expected} was named {named} ({self.reason}). {shown}"


def examine(planted: Planted) -> Outcome:
    """One layer, and its inputs, cross-examined; a planted layer that breaks `explain` is misnamed too."""
    start, parts, evidence = time.process_time(), tuple[str, ...](), dict[str, Any]()
    try:
        (verdict,) = explain(planted.layer, planted.inputs, lengths=planted.lengths, copies=0).layers
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        named, reason = BROKEN, f"{type(error).__name__}: {error}"
    else:
        named, parts, reason = verdict.family, tuple(sorted(verdict.parts)), verdict.reading.reason
        evidence = _evidence(verdict)
    return Outcome(
        kind=planted.kind,
        seed=planted.seed,
        stream=planted.stream,
        length=planted.lengths[-1],
        expected=planted.expected,
        named=named,
        parts=parts,
        right=named == planted.expected and parts == planted.parts,
        reason=reason,
        evidence=evidence,
        seconds=time.process_time() - start,
    )


def _evidence(verdict: LayerVerdict) -> dict[str, Any]:
    found: dict[str, Any] = {family: round(value, 2) for family, value in verdict.fidelity.items()}
    main = verdict.main
    found |= {"context": round(main.rho, 2), "support": main.needed("convolution"), "near": main.needed("local")}
    found["states"] = {str(length): need for length, need in verdict.states.items()}
    if verdict.heads:
        found["heads"] = [head.family for head in verdict.heads]
    return found


def outcomes(draws: int, kinds: Sequence[str] | None, seed: int, longest: int | None = None) -> Iterator[Outcome]:
    """Instances `seed`, ..., `seed + draws - 1` of each kind; with `longest`, all at that length."""
    for kind in list(KINDS) if kinds is None else kinds:
        for number in range(seed, seed + draws):
            yield examine(draw(kind, number, longest))


def summary(found: Sequence[Outcome]) -> dict[str, Any]:
    """Accuracies, the confusion matrix {expected: {named: count}}, and every failure."""
    pure = [each for each in found if each.expected != MIXED]
    sums = [each for each in found if each.expected == MIXED]
    confusion: dict[str, Counter[str]] = {}
    for each in found:
        confusion.setdefault(each.expected, Counter())[each.named] += 1
    return {
        "draws": {"pure": len(pure), "sums": len(sums)},
        "accuracy": {"pure": _share(pure), "sums": _share(sums)},
        "streams": {name: _share(own) for name, own in _by(pure, "stream").items()},
        "confusion": {expected: dict(named) for expected, named in confusion.items()},
        "kinds": kind_rows(found),
        "failures": [asdict(each) for each in found if not each.right],
        "seconds": sum(each.seconds for each in found),
    }


def kind_rows(found: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row per kind: how many were named rightly, what the others were named, how long it took."""
    return [
        {
            "kind": kind,
            "expected": own[0].expected,
            "draws": len(own),
            "right": sum(each.right for each in own),
            "named instead": dict(Counter(each.named for each in own if not each.right)),
            "seconds each": sum(each.seconds for each in own) / len(own),
        }
        for kind, own in _by(found, "kind").items()
    ]


def _by(found: Sequence[Outcome], attribute: str) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for each in found:
        groups.setdefault(getattr(each, attribute), []).append(each)
    return groups


def _share(found: Sequence[Outcome]) -> float | None:
    return sum(each.right for each in found) / len(found) if found else None
