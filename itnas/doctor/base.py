"""What a check is: it looks at one thing and says what it found, what that means, and what would help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from itnas.registry import Registry

State = Literal["good", "limited", "bad"]


@dataclass(frozen=True)
class Patient:
    """What is looked at: this machine, and the folder that runs go to. `quick`: nothing is started."""

    folder: Path
    quick: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """`limited`: a sweep runs, and something goes slower or is missing; `bad`: no sweep runs before it is put right."""

    state: State
    found: str
    means: str = ""
    fix: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


Check = Callable[[Patient], Diagnosis]

CHECKS: Registry[Check] = Registry("check")


def check(name: str) -> Callable[[Check], Check]:
    """Make a check known by the name that its line has."""

    def add(function: Check) -> Check:
        return CHECKS.add(name, function)

    return add


def diagnoses(patient: Patient) -> Iterator[tuple[str, Diagnosis]]:
    """One after the other. A check that fails itself has found something bad."""
    for name, function in CHECKS.items():
        try:
            yield name, function(patient)
        except Exception as error:
            said = (str(error) or type(error).__name__).splitlines()[0][:200]
            yield name, Diagnosis("bad", f"{type(error).__name__}: {said}")
