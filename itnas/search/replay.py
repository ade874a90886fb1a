"""Replaying a run: its log, proposal by proposal, asked of the samplers once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from itnas.search.proposer import Event, Proposer
from itnas.search.settings import SweepSettings
from itnas.search.sweep import events_of
from itnas.space import Space
from itnas.store import RunError, RunReader

DECISIONS = ("ask", "report", "tell")


@dataclass(frozen=True)
class Replayed:
    """How many decisions were made again, and the first one that came out otherwise."""

    proposals: int
    decisions: int
    differing: int
    first: str | None


def replay(reader: RunReader) -> Replayed:
    """Make every decision of a run again, from the settings and from what the trials reported."""
    stored = reader.sweep()["space"]
    log = [event for event in events_of(reader) if event.kind in (*DECISIONS, "settings")]
    if not log or log[0].kind != "settings":
        raise RunError(f"{reader.folder}: the log does not begin with the sweep's settings: it cannot be replayed")
    proposer = Proposer(Space.parse(stored["text"], stored["name"]), SweepSettings.from_dict(log[0].data, "sweep"))
    differing: list[str] = []
    proposals = decisions = place = 0
    while place < len(log):
        made = _again(proposer, log[place])
        for number, event in enumerate(made):
            recorded = log[place + number] if place + number < len(log) else None
            decisions += event.kind in DECISIONS
            proposals += event.kind == "ask"
            if event != recorded:
                differing.append(_difference(event, recorded))
        if differing:
            # From here on the two have different histories.
            break
        place += max(len(made), 1)
    left = sum(event.kind in DECISIONS for event in log[place:]) if differing else 0
    return Replayed(proposals, decisions, len(differing) + max(left - len(differing), 0), next(iter(differing), None))


def _again(proposer: Proposer, event: Event) -> Sequence[Event]:
    """What is decided now where this was decided then."""
    if event.kind == "settings":
        proposer.configure(SweepSettings.from_dict(event.data, "sweep"))
        return [event]
    if event.kind == "ask":
        assert event.task is not None
        return proposer.propose(event.task)[0]
    assert event.trial is not None
    if event.kind == "report":
        return [proposer.report(event.trial, event.data["rung"], event.data["score"])[0]]
    return [proposer.tell(event.trial, event.data["values"])]


def _difference(now: Event, then: Event | None) -> str:
    if then is None:
        return f"{now.kind} of trial {now.trial} on {now.task}, which the log does not have"
    keys = [key for key in sorted({*now.data, *then.data}) if now.data.get(key) != then.data.get(key)]
    told = "; ".join(f"{key}: {then.data.get(key)!r} then, {now.data.get(key)!r} now" for key in keys)
    return f"{then.kind} of trial {then.trial} on {then.task}: {told or f'{then} then, {now} now'}"
