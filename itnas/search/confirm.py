"""Which genomes are trained again, on fresh seeds, and scored on the test split that nothing was chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """A trial whose genome is to be confirmed."""

    trial: int
    task: str
    genome: str  # its hash


def to_confirm(trials: Sequence[dict[str, Any]], count: int) -> list[Candidate]:
    """The `count` best genomes of a task that are no specialists, and the best specialist beside them.

    `trials`: the complete ones, with `confirmed` where that has been done, or has failed. Of equal scores the cheaper
    genome comes first, then the earlier one. A genome that was tried more than once stands for its best trial.
    """
    ranked = sorted(trials, key=lambda row: (-row["score"], row["parameters"], row["number"]))
    found: list[dict[str, Any]] = []
    for special, most in ((False, count), (True, 1)):
        seen: set[str] = set()
        for row in ranked:
            if (row["origin"] == "specialist") == special and row["genome"] not in seen and len(seen) < most:
                seen.add(row["genome"])
                found.append(row)
    return [Candidate(row["number"], row["task"], row["genome"]) for row in found if not row["confirmed"]]
