"""How a verdict reads in plain words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from itnas.behaviour.places import BINS
from itnas.shown import counted

if TYPE_CHECKING:
    from itnas.behaviour.explanation import LayerVerdict


HEAD_BY_HEAD = ", head by head"


def sentence(verdict: LayerVerdict) -> str:
    """Which layer, head or block it is, and what it became."""
    which = verdict.block if verdict.head is None else f"head {verdict.head + 1}"
    who = f"Layer {verdict.layer + 1}" if which is None else f"Layer {verdict.layer + 1}, {which},"
    found = f"{who} {_PREDICATES[verdict.family](verdict)}"
    return f"{found} {_JOINTLY}" if verdict.jointly and verdict.head is None else found


def _none(verdict: LayerVerdict) -> str:
    if verdict.judged == "output":
        return "says next to nothing that depends on the sample."
    if not verdict.main.span.skilled:
        return "cannot be told: the network is no better than guessing."
    return "does nothing for the task: without it the score is the same."


def _mixed(verdict: LayerVerdict) -> str:
    if verdict.parts:
        return f"is a mixture of {' and '.join(verdict.parts)}."
    return "is none of these alone: no single replacement keeps what it does."


def _convolution(verdict: LayerVerdict) -> str:
    if verdict.offsets == (1,):
        return "became a shift by one: each point takes from the one before it."
    if verdict.main.cloud:
        by_distance = verdict.support is not None and verdict.support <= BINS + 1
        return f"became a convolution: a function of the {'distance' if by_distance else 'offset'} between points."
    found = f"became a convolution with {_needed(verdict, 'support', 'tap')}"
    if not 0 < len(verdict.offsets) <= 8:
        return f"{found}."
    where = ", ".join(str(each) for each in verdict.offsets)
    return f"{found}, at offset{'' if len(verdict.offsets) == 1 else 's'} {where}."


def _recurrence(verdict: LayerVerdict) -> str:
    state = _needed(verdict, "state_size", "number per head")
    comma = "," if state.endswith(HEAD_BY_HEAD) else ""
    return f"became a recurrence: a state of {state}{comma} carries what it needs."


def _local(verdict: LayerVerdict) -> str:
    return f"became local: it looks at contents, among the nearest {_needed(verdict, 'support', 'point')}."


def _needed(verdict: LayerVerdict, name: str, noun: str) -> str:
    """What it needs; of a layer that its heads account for, where it could not be replaced whole, what each of them
    does."""
    own = getattr(verdict, name)
    if own is not None:
        return counted(own, noun)
    nouns = f"{noun.split(' per ')[0]}s"
    heads = [getattr(head, name) for head in verdict.heads if head.family == verdict.family]
    known = [str(each) for each in heads if each is not None]
    if not known:
        return f"more {nouns} than were tried"
    *others, last = known
    return (f"{', '.join(others)} and {last}" if others else last) + f" {nouns}{HEAD_BY_HEAD}"


def _attention(verdict: LayerVerdict) -> str:
    who = {"attention": "contents say", "positional": "contents and distance say"}.get(
        verdict.told_by, "contents of neighbouring points together say"
    )
    found = f"became attention: {who} where it looks"
    tried = [f"{'more than tried' if need is None else need} at {length}" for length, need in verdict.states.items()]
    if not tried or verdict.state_trend is None:
        return f"{found}."
    told = {"bounded": "its state is bounded", "grows": "its state grows with the length"}
    trend = told.get(verdict.state_trend, "how its state grows is undecided")
    return f"{found}; {trend} (states needed: {', '.join(tried)})."


_JOINTLY = "(As trained, other layers can do its work: its share shows once they are replaced by what they became.)"
_PREDICATES: dict[str, Callable[[LayerVerdict], str]] = {
    "none": _none,
    "pointwise": lambda _: "became pointwise: no point needs another.",
    "convolution": _convolution,
    "local": _local,
    "recurrence": _recurrence,
    "dense": lambda _: "became a fixed mixing matrix: content-free, and different from place to place.",
    "attention": _attention,
    "mixed": _mixed,
}
