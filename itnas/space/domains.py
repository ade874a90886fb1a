"""What a value may be drawn from. A space asks about one domain at a time, by the name of its parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Value = str | int | float | bool
LARGEST = 2**53  # whole numbers beyond it have no exact float, which stores and samplers need


@dataclass(frozen=True)
class Choice:
    """One of several labels, which stand for options of any kind."""

    labels: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.labels:
            raise ValueError("a choice needs at least one option")
        # 1, 1.0 and true are equal to Python and to every sampler: two of them would be one option under two names.
        seen: set[Value] = set()
        for label in self.labels:
            if label in seen:
                raise ValueError(f"the option {label!r} is given twice")
            seen.add(label)

    @property
    def size(self) -> int:
        return len(self.labels)

    @property
    def first(self) -> Value:
        return self.labels[0]

    def values(self) -> Sequence[Value]:
        return self.labels

    def number(self, value: object) -> int:
        """Which option a label stands for."""
        for number, label in enumerate(self.labels):
            if label == value and isinstance(label, bool) == isinstance(value, bool):
                return number
        raise ValueError(f"must be one of {', '.join(map(_shown, self.labels))}, got {_shown(value)}")

    def fitted(self, value: object) -> Value:
        """The value as this domain writes it; refused if it lies outside."""
        return self.labels[self.number(value)]

    def draw(self, rng: np.random.Generator) -> Value:
        return self.labels[int(rng.integers(len(self.labels)))]

    def other(self, value: Value, rng: np.random.Generator) -> Value:
        """Another value; there must be one."""
        number = self.number(value)
        return self.labels[(number + 1 + int(rng.integers(len(self.labels) - 1))) % len(self.labels)]


@dataclass(frozen=True)
class Integer:
    """low, low + step, ... up to high; uniform in the logarithm with `log`."""

    low: int
    high: int
    log: bool = False
    step: int = 1

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high, log=self.log)
        if self.step < 1:
            raise ValueError(f"step must be at least 1, got step={self.step}")
        if self.log and self.step > 1:
            raise ValueError(f"log and step exclude each other, got step={self.step}")
        object.__setattr__(self, "high", self.high - (self.high - self.low) % self.step)

    @property
    def size(self) -> int:
        return (self.high - self.low) // self.step + 1

    @property
    def first(self) -> Value:
        return self.low

    def values(self) -> Sequence[Value]:
        return range(self.low, self.high + 1, self.step)

    def fitted(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"must be a whole number, got {_shown(value)}")
        if not self.low <= value <= self.high or (value - self.low) % self.step:
            steps = f" in steps of {self.step}" if self.step > 1 else ""
            raise ValueError(f"must lie from {self.low} to {self.high}{steps}, got {_shown(value)}")
        return value

    def draw(self, rng: np.random.Generator) -> int:
        if not self.log:
            return self.low + self.step * int(rng.integers(self.size))
        # Each whole number owns the interval around it, so that the ends are as likely as their like.
        return self._nearest(math.exp(rng.uniform(math.log(self.low - 0.5), math.log(self.high + 0.5))))

    def other(self, value: Value, rng: np.random.Generator) -> int:
        """Another value: near by every other time; there must be one."""
        assert isinstance(value, int)
        if rng.random() < 0.5:
            if self.log:
                near = self._nearest(value * math.exp(0.1 * math.log(self.high / self.low) * rng.normal()))
            else:
                near = self._nearest(value + max(self.step, 0.1 * (self.high - self.low)) * rng.normal())
            if near != value:
                return near
        number = (value - self.low) // self.step
        return self.low + self.step * ((number + 1 + int(rng.integers(self.size - 1))) % self.size)

    def _nearest(self, value: float) -> int:
        return min(max(self.low + self.step * round((value - self.low) / self.step), self.low), self.high)


@dataclass(frozen=True)
class Real:
    """Any number from low to high; uniform in the logarithm with `log`."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high, log=self.log)

    @property
    def size(self) -> int | None:
        """None: without end."""
        return 1 if self.low == self.high else None

    @property
    def first(self) -> Value:
        return self.low

    def values(self) -> Sequence[Value]:
        return (self.low,) if self.low == self.high else (self.low, self.high)

    def fitted(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"must be a number, got {_shown(value)}")
        if not self.low <= value <= self.high:
            raise ValueError(f"must lie from {self.low:g} to {self.high:g}, got {_shown(value)}")
        return float(value)

    def draw(self, rng: np.random.Generator) -> float:
        return self._at(rng.uniform())

    def other(self, value: Value, rng: np.random.Generator) -> float:
        """Another value: near by every other time; there must be one."""
        assert isinstance(value, (int, float))
        for _ in range(20):
            near = rng.random() < 0.5
            found = self._at(min(max(self._place(value) + 0.1 * rng.normal(), 0.0), 1.0)) if near else self.draw(rng)
            if found != value:
                return found
        # The bounds are so close that next to nothing lies between them.
        return self.low if value != self.low else self.high

    def _at(self, place: float) -> float:
        if self.log:
            found = math.exp(math.log(self.low) + place * (math.log(self.high) - math.log(self.low)))
        else:
            found = self.low + place * (self.high - self.low)
        return float(min(max(found, self.low), self.high))

    def _place(self, value: float) -> float:
        """Where a value lies: 0 is low, 1 is high."""
        if self.log:
            span = math.log(self.high) - math.log(self.low)
            return (math.log(value) - math.log(self.low)) / span if span else 0.0
        return (value - self.low) / (self.high - self.low)


Domain = Choice | Integer | Real
Chooser = Callable[[str, Domain], Value]
TOGGLE = Choice((False, True))  # whether a member belongs to a subset


def _check_bounds(low: float, high: float, *, log: bool) -> None:
    if not (abs(low) <= LARGEST and abs(high) <= LARGEST):
        raise ValueError(f"bounds must be finite and at most 2^53, got low={_shown(low)}, high={_shown(high)}")
    if not low <= high:
        raise ValueError(f"low <= high must hold, but got low={_shown(low)}, high={_shown(high)}")
    if log and low <= 0:
        raise ValueError(f"log needs low > 0, but got low={_shown(low)}")


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, (str, bool)) or value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
