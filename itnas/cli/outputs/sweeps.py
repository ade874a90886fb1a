"""JSON of the commands around a sweep."""

from __future__ import annotations

from typing import Any, Literal

from itnas.cli.outputs.base import Output, Shape, told

State = Literal["running", "complete", "pruned", "failed", "infeasible"]
Origin = Literal["specialist", "random", "sampler"]


class Trial(Shape):
    number: int = told("which trial it is, counted from 0")
    task: str = told("what it is trained on")
    name: str | None = told("the specialist's name; null of what was proposed")
    genome: str = told("hash of the genome")
    origin: Origin = told("who proposed it")
    state: State = told("how it stands; running: also while it waits to be run again, which status tells apart")
    attempt: int = told("how often it was begun, without the times that the sweep was ended under it")
    rung: int = told("rungs that it has reached")
    score: float | None = told(
        "mean over seeds at the best learning rate, in the task's metric; null before it has ended"
    )
    score_low: float | None = told("lower end of its 95 % interval; null for one seed")
    score_high: float | None = told("upper end")
    cost: float | None = told("what is minimised beside the score: parameters, flops or seconds")
    parameters: int | None = told("parameters of the network")
    flops: float | None = told("operations of a forward pass", "per point")
    learning_rate: float | None = told("the best learning rate")
    worker: str | None = told("host and process that trained it")
    started: str | None = told("when it began", "ISO 8601")
    finished: str | None = told("when it ended", "ISO 8601")
    seconds: float | None = told("how long it took", "s")
    reason: str | None = told("why it was pruned or failed")
    repeat: int = told("how often its genome had been tried on the task before")


class Finding(Shape):
    block: str | None = told(
        "kinds of points that a block joins, as in image -> question; null of whole layers. Rows of blocks have no "
        "scores: null"
    )
    task: str = told("which task it is about")
    trials: int | None = told("trials that were completed")
    best_trial: int | None = told("the best of them, specialists apart")
    score: float | None = told("its score in the search")
    score_low: float | None = told("lower end of its 95 % interval")
    score_high: float | None = told("upper end")
    test_score: float | None = told("the same genome on fresh seeds, on the test split; null if it was not confirmed")
    test_low: float | None = told("lower end of its 95 % interval")
    test_high: float | None = told("upper end")
    specialist: str | None = told("the best specialist")
    specialist_score: float | None = told("its score in the search")
    specialist_test_score: float | None = told("its score on the test split")
    random_score: float | None = told("best of the trials proposed at random")
    sampler_score: float | None = told("best of as many of the sampler's, the mean over all ways to pick them")
    equal_trials: int | None = told("how many that is")
    rung_correlations: list[float | None] | None = told("rank correlation of the score at each rung with the final one")
    rung_trials: int | None = told("trials that those rest on")
    basis: str | None = told("networks that the verdicts are of: confirmed, search, or null before there are any")
    layer: int | None = told("which layer, counted from 0; null: some layer, whichever")
    family: str | None = told("what it became; null before a network was examined")
    share: float | None = told("share of networks in which it did")
    low: float | None = told("lower end of the share's 95 % interval")
    high: float | None = told("upper end")
    count: int = told("networks in which it did")
    networks: int = told("networks that were examined")
    genomes: int = told("genomes that they are of")
    emerged: float | None = told(
        "share of networks in which it emerged: no untrained copy shows the family, or comes near; null where no "
        "untrained copies were looked at"
    )
    null: float | None = told("share of untrained copies that show it; null where none were looked at")
    p: float | None = told("probability of so many networks, if training did nothing; corrected")
    sentence: str = told("all that in words")


class TaskStatus(Shape):
    task: str = told("which task")
    asked: int = told("trials that are wanted")
    ended: int = told("trials that have ended")
    complete: int = told("of them, trained to their end")
    pruned: int = told("stopped early")
    failed: int = told("failed")
    infeasible: int = told("proposals that broke a constraint; they are not among the ended")
    running: int = told("trials that run now")
    confirmed: int = told("genomes trained again on fresh seeds")
    confirming: int = told("those that run now")
    interrupted: int = told("trials and confirmations that ran when a driver ended, and wait to be run again")
    best_trial: int | None = told("the best trial, specialists apart")
    score: float | None = told("its score")
    score_low: float | None = told("lower end of its 95 % interval")
    score_high: float | None = told("upper end")
    verdict: list[str] = told("what its layers became, layer by layer")
    specialist: str | None = told("the best specialist")
    specialist_score: float | None = told("its score")


class Running(Shape):
    trial: int = told("which trial")
    phase: Literal["search", "confirm"] = told("whether it is searched, or confirmed")
    task: str = told("on which task")
    origin: Origin = told("who proposed it")
    name: str | None = told("the specialist's name")
    attempt: int = told("how often it was begun, as in trials")
    rung: int = told("rungs that it has reached")
    started: str = told("when it began", "ISO 8601")


class Failure(Shape):
    trial: int = told("which trial")
    phase: Literal["search", "confirm"] = told("whether it failed in the search, or when it was confirmed")
    task: str = told("on which task")
    reason: str | None = told("why it failed")
    finished: str | None = told("when", "ISO 8601")


SweepState = Literal["created", "running", "interrupted", "late", "ended"]


class Status(Shape):
    run: str = told("folder of the run")
    space: str = told("name of the space that is searched")
    state: SweepState = told("late: --hours were over before all trials had run")
    driver: str | None = told("the process that drives it, in words; null where none does")
    tasks: list[TaskStatus] = told("one for each task")
    running: list[Running] = told("trials and confirmations that run now")
    interrupted: list[Running] = told("those that ran when a driver ended, and wait to be run again")
    failures: list[Failure] = told("five failures: those of confirmations first, then the latest")
    seconds: float = told("time that drivers have spent on it; of one that was killed, until it last wrote", "s")
    seconds_left: float | None = told("about how long it goes on; null where that cannot be told", "s")


class Sweep(Shape):
    run: str = told("folder of the run")
    state: Literal["ended", "late"] = told("how it ended; late: --hours were over before all trials had run")
    findings: list[Finding] = told("what `itnas findings --json` prints")


class TaskEstimate(Shape):
    task: str = told("which task")
    trials: int = told("trials on it")
    specialists: int = told("of them, specialists")
    random: int = told("of them, proposed at random")
    sampler: int = told("of them, proposed by the sampler")
    networks: int = told("networks of a trial: seeds times learning rates; the mean over genomes")
    steps: int = told("training steps of a trial; the mean over genomes")
    confirmations: int = told("genomes that are trained again at the end")
    seconds: float = told("what all that trains for, one trial after another", "s")


class Estimate(Shape):
    space: str = told("name of the space")
    assignments: int | None = told("combinations that it has; null: without end")
    slots: int = told("trials at once")
    tasks: list[TaskEstimate] = told("one for each task")
    seconds: float = told("what training takes, if nothing is stopped early; evaluations and verdicts come on top", "s")
    remarks: list[str] = told("what may not be meant so")


class Proposal(Shape):
    event: int = told("place in the run's log")
    task: str = told("which task it is for")
    trial: int | None = told("the trial that it became")
    origin: Origin = told("who proposed it")
    parameters: dict[str, Any] = told("what was chosen: values by their paths in the space; empty for specialists")
    known: Any = told("what was known of the genome before; null: nothing")


class Check(Shape):
    proposals: int = told("proposals that were made again")
    decisions: int = told("decisions that were made again: proposals, reports, ends")
    differing: int = told("those that came out otherwise")
    first: str | None = told("the first of those, in words")


class RunRow(Shape):
    run: str = told("folder of the run")
    state: SweepState = told("late: --hours were over before all trials had run")
    space: str = told("name of the space that is searched")
    tasks: list[str] = told("its tasks")
    trials: int = told("trials that have ended")
    asked: int = told("trials that are wanted")
    created: str = told("when it was begun", "ISO 8601")
    bytes: int = told("what it takes on the disk", "B")


class Deleted(Shape):
    run: str = told("folder of the run")
    deleted: Literal["all", "arrays"] = told("all of it, or its networks and kernels")
    bytes: int = told("what that has freed", "B")


class Stopped(Shape):
    run: str = told("folder of the run")
    process: int = told("the process that was asked to stop")


class Written(Shape):
    path: str = told("file that was written")
    bytes: int = told("its size", "B")


class Address(Shape):
    address: str = told("what to open in a browser, with the token where one is needed")
    runs: dict[str, str] = told("folders of runs, by the names that the pages give them")


class Exported(Shape):
    path: str = told("file or folder that was written")
    format: str = told("its format")
    compared: dict[str, Any] = told("what loading it back said; each format compares something else (docs/export.md)")


OUTPUTS = (
    Output("search", "Printed once the sweep has ended; `itnas resume --json` prints the same.", Sweep),
    Output("search --dry-run", "What would run.", Estimate),
    Output("status", "How the sweep stands.", Status),
    Output("trials", "A list of trials, by number.", list[Trial]),
    Output("findings", "A list: of each task first what some layer became, then layer by layer.", list[Finding]),
    Output("replay", "A list of proposals, in order.", list[Proposal]),
    Output("replay --check", "A list of one.", list[Check]),
    Output("runs", "A list of runs, by folder.", list[RunRow]),
    Output("runs --remove, runs --thin", "A list of what was deleted.", list[Deleted]),
    Output("stop", "Which process was asked.", Stopped),
    Output("report", "A list of files: the page, or with --figures the pictures.", list[Written]),
    Output("dashboard", "Printed once it listens; it serves until it is stopped.", Address),
    Output("export", "What was written, and how it was checked.", Exported),
)
