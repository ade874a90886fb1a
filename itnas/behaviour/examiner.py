"""A network before its judges: a verdict for every site, and whether the verdicts together account for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from torch import nn

from itnas.behaviour.evidence import GROWING, Evidence, Examination
from itnas.behaviour.explanation import LayerVerdict
from itnas.behaviour.fidelity import Fidelity, OutputJudge, ratio
from itnas.behaviour.on_demand import OnDemand
from itnas.behaviour.room import Room
from itnas.behaviour.samples import Source
from itnas.behaviour.sites import Replacing, Site
from itnas.behaviour.stand_in import combined, head_shares, standing_in
from itnas.behaviour.subjects import Block
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
        exams = [self._exams(number, self.rooms) for number in range(len(self.longest.heard))]
        named = [self._completed(self._named(number, replica, own), own) for number, own in enumerate(exams)]
        return [replace(each, blocks=self._blocks(number, replica)) for number, each in enumerate(named)]

    def names(self, replica: int) -> list[LayerVerdict]:
        """The same without heads, and without the evidence at shorter lengths, which is looked at only where the name
        depends on it."""
        exams = [self._exams(number, self.rooms) for number in range(len(self.longest.heard))]
        named = [self._named(number, replica, own) for number, own in enumerate(exams)]
        return [
            replace(each, by_length={self.longest.length: each.main}, blocks=self._blocks(number, replica))
            for number, each in enumerate(named)
        ]

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
            exams = self._exams(number, OnDemand(self.rooms, partial(self._beside, found, number)))
            again = self._named(number, found[number].replica, exams)
            better = self.whole([*found[:number], again, *found[number + 1 :]])
            if better is not None and better.value > whole.value + self.thresholds.part:
                found[number], whole = replace(self._completed(again, exams), jointly=True), better
        return found, whole

    def _beside(self, verdicts: Sequence[LayerVerdict], number: int, length: int) -> Room:
        """A room in which all layers but one are replaced by what they became."""
        room = self.rooms[length]
        found = room.beside(self._others(room, verdicts, number))
        _check_sites({0: self.longest, length: found})
        return found

    def _others(self, room: Room, verdicts: Sequence[LayerVerdict], number: int) -> dict[Site, Replacing]:
        return {site: by for site, by in self._standing(room, verdicts).items() if site != room.heard[number].site}

    def _standing(self, room: Room, verdicts: Sequence[LayerVerdict]) -> dict[Site, Replacing]:
        """What the verdicts put in the layers' places."""
        exams = [room.examination(verdict.layer, self.thresholds) for verdict in verdicts]
        pairs = zip(room.heard, verdicts, exams, strict=True)
        return {heard.site: standing_in(verdict, exam) for heard, verdict, exam in pairs}

    def _exams(self, number: int, rooms: Mapping[int, Room]) -> Mapping[int, Examination]:
        return OnDemand(rooms, lambda length: rooms[length].examination(number, self.thresholds))

    def _named(self, number: int, replica: int, exams: Mapping[int, Examination]) -> LayerVerdict:
        """A verdict without what its name does not depend on."""
        by_length, reading = self._read(exams)
        found = self._verdict(number, replica, by_length, reading)
        # Contents times a profile is also what heads of contents beside heads of a profile add up to.
        unexplained = (found.family == MIXED and not found.parts) or found.told_by == "positional"
        if not unexplained:
            return found
        heads, exam = tuple(self._heads(found, exams)), exams[self.longest.length]
        return replace(found, heads=heads, reading=combined(found.reading, heads, exam, self.thresholds))

    def _verdict(
        self, number: int, replica: int, by_length: Mapping[int, Evidence], reading: Reading, block: str | None = None
    ) -> LayerVerdict:
        heard = self.longest.heard[number]
        return LayerVerdict(
            layer=number,
            name=str(heard.site),
            kind=heard.subject.kind,
            replica=replica,
            head=None,
            reading=reading,
            by_length=by_length,
            judged="task" if self.functional else "output",
            thresholds=self.thresholds,
            block=block,
        )

    def _blocks(self, number: int, replica: int) -> tuple[LayerVerdict, ...]:
        """Verdicts on the blocks of a layer's kernel, where points are of several kinds."""
        found = []
        for block in self.longest.blocks(number):
            by_length, reading = self._read(OnDemand(self.rooms, partial(self._block_exam, number, block)))
            settled = {length: each.settled() for length, each in by_length.items()}
            found.append(self._verdict(number, replica, settled, reading, block.name))
        return tuple(found)

    def _block_exam(self, number: int, block: Block, length: int) -> Examination:
        return self.rooms[length].block_examination(number, block, self.thresholds)

    def _completed(self, found: LayerVerdict, exams: Mapping[int, Examination]) -> LayerVerdict:
        """A verdict with its heads, and the evidence at all lengths."""
        by_length = {length: each.settled() for length, each in found.by_length.items()}
        heads = found.heads or tuple(self._heads(found, exams))
        return replace(found, by_length=by_length, heads=heads)

    def _read(self, exams: Mapping[int, Examination], *, sums: bool = True) -> tuple[Mapping[int, Evidence], Reading]:
        """All families at the longest length, what may grow at the others if somebody asks, and what it amounts to."""
        longest = max(exams)
        main = exams[longest].evidence()
        # What does not suffice at the longest length has no growth to be followed.
        followed = tuple(family for family in GROWING if family != "convolution" or main.needed(family) is not None)
        found = OnDemand(exams, lambda length: main if length == longest else exams[length].followed(followed))
        reading = decide(found, self.thresholds)
        if reading is OPEN and sums:
            found.known[longest] = exams[longest].further(main)
            reading = decide(found, self.thresholds)
        return found, reading

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
            by_length = {length: exam.followed(()) for length, exam in own.items()}
            reading = Reading("none", "it says next to nothing")
        else:
            read, reading = self._read(own, sums=False)
            by_length = {length: each.settled() for length, each in read.items()}
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
