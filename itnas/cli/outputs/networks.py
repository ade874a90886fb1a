"""JSON of the commands around one network."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from itnas.cli.outputs.base import Output, Shape, told


class Score(Shape):
    mean: float = told("mean over seeds, in the task's metric")
    low: float | None = told("lower end of its 95 % interval; null for one seed")
    high: float | None = told("upper end")
    replicas: int = told("seeds")


class Replica(Shape):
    seed: int = told("its seed")
    learning_rate: float = told("its learning rate")
    score: float | None = told("its score on validation data")
    loss: float | None = told("its last training loss")
    died: int | None = told("the step at which its loss or gradient stopped being a number; null: it lives")


class Provenance(Shape):
    itnas: str = told("version of itnas")
    torch: str = told("version of torch")
    python: str = told("version of Python")
    device: str = told("processor or GPU")
    threads: int = told("threads that torch used")
    precision: str = told("float32 or bfloat16")
    parts: int = told("parts that a batch was worked off in")
    devices: int = told("devices that shared every batch")
    finished: str = told("when it was finished", "ISO 8601")


class Training(Shape):
    task: str = told("the task with its settings")
    genome: str = told("hash of the genome")
    metric: str = told("what a score measures")
    score: Score = told("the score of the best learning rate")
    chance: float = told("score of guessing")
    ceiling: float | None = told("best score that there can be; null: unknown")
    learning_rate: float = told("the best learning rate")
    replicas: list[Replica] = told("one for each seed and learning rate")
    test_score: Score | None = told("the same on test data; null without --test")
    steps: int = told("steps that were trained")
    samples: int = told("samples that each replica saw")
    seconds: float = told("how long it took", "s")
    parameters: int = told("parameters of one network")
    provenance: Provenance = told("what else the result depends on")
    recipe: dict[str, Any] = told("all that decides the training: genome, task, seeds, budget, batch size, precision")


class Layer(Shape):
    named: ClassVar = {
        "fidelity_": (
            "family",
            "share of the layer's skill that its replacement by the family keeps; null: it was not tried. Each family "
            "that is registered has a key",
        )
    }

    replica: int = told("which network, counted from 0")
    layer: int = told("which layer, counted from 0")
    name: str = told("its name in the network")
    kind: str = told("what it was built as")
    head: int | None = told("which head, counted from 0; null of the whole layer")
    block: str | None = told("kinds of points that a block joins; null of whole layers and heads")
    family: str = told("what it became")
    parts: list[str] = told("families that it is a sum of; empty if it is none")
    imposed: bool | None = told("whether most untrained copies show the family too; null of heads")
    emerged: bool | None = told("whether no untrained copy shows it, or comes near; null of heads")
    null: float | None = told("share of untrained copies that show it")
    nearly: float | None = told("share of untrained copies that come near it")
    judged: Literal["task", "output"] = told("whether fidelity is in the task's score, or in the layer's output")
    share: float | None = told("share of the layer's output that it carries")
    rho: float | None = told("share of the output's variance that other points account for")
    jointly: bool = told("whether layers were judged together, as alone each could be missed")
    told_by: str = told("the replacement that the verdict rests on: its family, or a kind of it or a sum of families")
    fidelity: float | None = told("share of the layer's skill that this replacement keeps; null: there is none")
    fidelity_low: float | None = told("lower end of its 95 % interval")
    fidelity_high: float | None = told("upper end")
    support: int | None = told("offsets that a convolution needs; null: more than were tried")
    offsets: list[int] = told("which offsets those are")
    state_size: int | None = told("numbers that a recurrence must carry; null: more than were tried")
    states: dict[str, int | None] = told("the same by length")
    growth_state: float | None = told("slope of log(1 + state size) on log length: 0 stays, 1 grows in proportion")
    growth_support: float | None = told("the same of the support")
    reason: str = told("what decided")
    sentence: str = told("the verdict in words")
    untrained: list[str] = told("what each untrained copy of it is; empty of heads")


class Block(Layer):
    blocks: list[Any] = told("empty")


class WholeLayer(Layer):
    blocks: list[Block] = told("verdicts on its blocks, where points are of several kinds; else empty")


class Thresholds(Shape):
    fidelity: float = told("what a replacement must keep to stand for the layer")
    floor: float = told("share of the skill that ablation must cost, or the layer does nothing")
    context: float = told("share of variance that other points must account for, or the layer is pointwise")
    bounded: float = told("slope below which a budget is bounded")
    grows: float = told("slope above which it grows")
    largest_share: float = told("of the length, the largest state that is bounded")
    smallest_bound: int = told("the largest state that is bounded at any length")
    points_per_state: float = told("points that a state must stand for, or it is a convolution's")
    tie: float = told("what attention must keep beyond a fixed matrix that also suffices")
    head: float = told("share of a layer's output that a head must carry to have a say")
    part: float = told("what each part of a sum must add")
    imposed: float = told("share of untrained copies that must show a family for it to be imposed")
    nearly: float = told("what a family keeps of an untrained copy that comes near it")


class Explanation(Shape):
    task: str = told("the task that it was judged by")
    score: float | None = told("the network's score at the longest length")
    chance: float | None = told("score of guessing")
    lengths: list[int] = told("lengths that were looked at", "points")
    dropped: dict[str, float | None] = told("scores at lengths where it had lost its skill, which were not looked at")
    thresholds: Thresholds = told("numbers that verdicts depend on (docs/verdicts.md)")
    whole: dict[str, list[float | None]] = told(
        "by replica: fidelity of all layers replaced at once by what they became, with both ends of its 95 % interval"
    )
    unexamined: dict[str, str] = told("layers of which nothing can be said, and why")
    layers: list[WholeLayer] = told("one for each layer, followed by one for each of its heads")


OUTPUTS = (
    Output("train", "The result, which the folder holds as `result.json` too.", Training),
    Output("explain", "One network.", Explanation),
    Output("explain --all", "A list of networks.", list[Explanation]),
)
