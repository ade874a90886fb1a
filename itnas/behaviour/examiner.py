"""A network before its judges: a verdict for every site, and whether the verdicts together account for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import nn

from itnas.behaviour.evidence import GROWING, Evidence, Examination
from itnas.behaviour.explanation import LayerVerdict
from itnas.behaviour.fidelity import Fidelity, OutputJudge, ratio
from itnas.behaviour.on_demand import OnDemand
from itnas.behaviour.room import Room
from itnas.behaviour.samples import Source
from itnas.behaviour.sites import Replacing, Site
from itnas.behaviour.stand_in import combined, head_shares, standing_in
from itnas.behaviour.thresholds import Thresholds
from itnas.behaviour.verdict import MIXED, OPEN, Reading, decide

# Where a network keeps less than this share of its skill at the length it is best at, it is not in its element.
KEPT_SKILL = 0.7
# Layers with more heads are judged as a whole only.
MOST_HEADS = 16


class Examiner:
    """`functional`: whether the task's score judges, where there is one, rather than each layer's output."""

    def __init__(
        self, model: nn.Module, source: Source, lengths: Sequence[int], thresholds: Thresholds, *, functional: bool
    ) -> None:
        self.thresholds, self.functional = thresholds, functional and source.scores
        rooms = {length: Room(model, source, length, functional=self.functional) for length in sorted(lengths)}
        _check_sites(rooms)
        best = max(room.gained[0] for room in rooms.values())
        kept = {
            length: room for length, room in rooms.items() if room.gained[0] + 3 * room.gained[1] >= KEPT_SKILL * best
        }
        # A network without any skill has none to lose.
        kept = kept or rooms
        self.rooms = {length: kept[length] for length in sorted(kept, reverse=True)}
        self.dropped = {length: rooms[length].skill for length in rooms if length not in kept}
        self.longest = next(iter(self.rooms.values()))

    def verdicts(self, replica: int) -> list[LayerVerdict]:
        """One for each site, and for each of its heads."""
        return [self.verdict(number, replica, self.rooms) for number in range(len(self.longest.heard))]

    def names(self, replica: int) -> list[LayerVerdict]:
        """The same without heads, and without what the name does not depend on: shorter lengths, where nothing is to be
        followed."""
        return [self.verdict(number, replica, self.rooms, brief=True) for number in range(len(self.longest.heard))]

    def together(self, verdicts: list[LayerVerdict]) -> tuple[list[LayerVerdict], Fidelity | None]:
        """The verdicts, and how much of the score is kept when all layers are replaced at once by what they name.

        Where two layers can stand in for each other, each loses little alone and both together lose much. Then each is
        read again with the others replaced by what they became, and what explains the whole better stays.
        """
        found, whole = list(verdicts), self.whole(verdicts)
        # Every layer may lose a little.
        expected = self.thresholds.fidelity ** len(found) - self.thresholds.part
        for number in range(len(found) if len(found) > 1 else 0):
            if whole is None or whole.value >= expected:
                break
            rooms = {length: room.beside(self._others(room, found, number)) for length, room in self.rooms.items()}
            _check_sites({0: self.longest, **rooms})
            again = self.verdict(number, found[number].replica, rooms)
            candidate = [*found[:number], replace(again, jointly=True), *found[number + 1 :]]
            better = self.whole(candidate)
            if better is not None and better.value > whole.value + self.thresholds.part:
                found, whole = candidate, better
        return found, whole

    def _others(self, room: Room, verdicts: Sequence[LayerVerdict], number: int) -> dict[Site, Replacing]:
        return {site: by for site, by in self._standing(room, verdicts).items() if site != room.heard[number].site}

    def _standing(self, room: Room, verdicts: Sequence[LayerVerdict]) -> dict[Site, Replacing]:
        """What the verdicts put in the layers' places."""
        exams = [room.examination(verdict.layer, self.thresholds) for verdict in verdicts]
        pairs = zip(room.heard, verdicts, exams, strict=True)
        return {heard.site: standing_in(verdict, exam) for heard, verdict, exam in pairs}

    def verdict(self, number: int, replica: int, rooms: Mapping[int, Room], *, brief: bool = False) -> LayerVerdict:
        exams = OnDemand(rooms, lambda length: rooms[length].examination(number, self.thresholds))
        by_length, reading = self._read(exams, brief=brief)
        heard = self.longest.heard[number]
        found = LayerVerdict(
            layer=number,
            name=str(heard.site),
            kind=heard.subject.kind,
            replica=replica,
            head=None,
            reading=reading,
            by_length=by_length,
            judged="task" if self.functional else "output",
            thresholds=self.thresholds,
        )
        # Contents times a profile is also what heads of contents beside heads of a profile add up to.
        unexplained = (found.family == MIXED and not found.parts) or found.told_by == "positional"
        if brief and not unexplained:
            return found
        found = replace(found, heads=tuple(self._heads(found, exams)))
        if unexplained:
            exam = exams[self.longest.length]
            found = replace(found, reading=combined(found.reading, found.heads, exam, self.thresholds))
        return found

    def _read(
        self, exams: Mapping[int, Examination], *, sums: bool = True, brief: bool = False
    ) -> tuple[dict[int, Evidence], Reading]:
        """All families at the longest length, what may grow at the others, and what that amounts to. In brief, the
        others are looked at only if the name depends on them."""
        longest = max(exams)
        main = exams[longest].evidence()
        # What does not suffice at the longest length has no growth to be followed.
        followed = tuple(family for family in GROWING if family != "convolution" or main.needed(family) is not None)
        found = OnDemand(exams, lambda length: main if length == longest else exams[length].evidence(followed))
        reading = decide(found, self.thresholds)
        if reading is OPEN and sums:
            found.known[longest] = exams[longest].further(main)
            reading = decide(found, self.thresholds)
        return found.known if brief else dict(found), reading

    def _heads(self, layer: LayerVerdict, exams: Mapping[int, Examination]) -> list[LayerVerdict]:
        """Verdicts on the heads by what they say. Channels of layers without heads of their own are not asked."""
        scene = exams[self.longest.length].scene
        if scene.view.content_basis is not None or not 1 < scene.kernel.shape[1] <= MOST_HEADS:
            return []
        return [self._head(layer, exams, head, share) for head, share in enumerate(head_shares(scene))]

    def _head(self, layer: LayerVerdict, exams: Mapping[int, Examination], head: int, share: float) -> LayerVerdict:
        own = {}
        for length, exam in exams.items():
            judge = OutputJudge(exam.scene, exam.judge.rho)
            own[length] = Examination(exam.scene, exam.reference, judge, self.thresholds, head, exam.fitted)
        if share < self.thresholds.head:
            by_length = {length: exam.evidence(()) for length, exam in own.items()}
            reading = Reading("none", "it says next to nothing")
        else:
            by_length, reading = self._read(own, sums=False)
        return replace(layer, head=head, reading=reading, by_length=by_length, judged="output", share=share)

    def whole(self, verdicts: Sequence[LayerVerdict]) -> Fidelity | None:
        """All layers replaced at once by what their verdicts name; None where nothing is lost without any of them."""
        room, silent = self.longest, self.longest.silent()
        if not room.span(silent).significant(self.thresholds.floor):
            return None
        explained, ablated = room.scores(self._standing(room, verdicts)), room.scores(silent)
        weights = room.weights / room.weights.sum()
        return ratio(weights * (explained - ablated), weights * (room.intact - ablated))


def _check_sites(rooms: Mapping[int, Room]) -> None:
    """Growth is a layer's own over lengths."""
    called = {length: [str(heard.site) for heard in room.heard] for length, room in rooms.items()}
    first = next(iter(called))
    for length, sites in called.items():
        if sites != called[first]:
            raise ValueError(
                f"at length {length} the model calls the layers {', '.join(sites)}, at length {first} the layers "
                f"{', '.join(called[first])}: ask for lengths at which it calls the same ones"
            )
