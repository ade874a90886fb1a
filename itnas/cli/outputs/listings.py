"""JSON of what there is: tasks, spaces, this machine, measurements."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from itnas.cli.outputs.base import Output, Shape, told


class Task(Shape):
    task: str = told("its name, with settings")
    summary: str = told("what it is")
    inputs: str = told("what goes in")
    domain: str = told("where its points lie: Sequence, Grid, Cloud, Set, Graph, Union")
    readout: str = told("points: an answer at each point; pooled: one for the sample")
    outputs: int = told("numbers that come out")
    causal: bool = told("whether a point may look at those before it alone")
    metric: str = told("what a score measures")
    chance: float = told("score of guessing")
    ceiling: float | None = told("best score that there can be; null: unknown")
    lengths: list[int] = told("lengths at which it is in its element", "points")
    expects: str = told("what theory expects to solve it")
    steps: int = told("training steps, where none are asked for")
    batch_size: int = told("samples per step, where no number is asked for")
    settings: dict[str, Any] = told("what can be set behind a slash, and how it stands")
    variants: list[str] = told("names for several settings at once")
    data: str = told("none needed, found, or what is missing and where it is obtained")


class Space(Shape):
    name: str = told("its name")
    summary: str = told("what it is for")
    parameters: int = told("parameters that may be chosen")
    size: int | None = told("combinations; null: without end")
    genomes: int | None = told("different genomes; null: without end")
    genomes_exact: bool = told("whether they were counted, not estimated")
    genomes_low: int | None = told("lower end of the estimate's 95 % interval")
    genomes_high: int | None = told("upper end")
    constraints: dict[str, float] = told("bounds that a genome must keep: parameters, flops, memory (B), at a length")


class Domain(Shape):
    path: str = told("where it stands in the space")
    depth: int = told("choices and options above it")
    kind: Literal["choice", "int", "float", "subset", "option", "fixed"] = told("what kind of domain")
    text: str = told("what may be chosen, or what stands fixed")


class SpaceInFull(Space):
    domains: list[Domain] = told("all that stands in it, in order")


class Diagnosis(Shape):
    check: str = told("what was looked at")
    state: Literal["good", "limited", "bad"] = told("bad: no sweep runs before it is put right")
    found: str = told("what was found")
    means: str = told("what that means for a sweep; empty: nothing")
    fix: str = told("what to do; empty: nothing")


class Machine(Shape):
    cpu: str = told("processor")
    cores: int = told("cores that may be used")
    memory_gb: float = told("memory", "GB")
    gpu: str | None = told("GPU; null: none")
    system: str = told("operating system")
    python: str = told("version of Python")
    torch: str = told("version of torch")
    threads: int = told("threads that torch uses")
    date: str = told("when it was measured", "ISO 8601")


class Measured(Shape):
    """Sections have columns of their own, which tables show under the same names."""

    model_config = ConfigDict(extra="allow", strict=True)

    machine: Machine = told(
        "where it was measured; beside it stands each section that was asked for, a list of rows whose keys are the "
        "columns of its table, with their units"
    )


OUTPUTS = (
    Output("tasks", "A list of tasks.", list[Task]),
    Output("spaces", "A list of spaces, by name.", list[Space]),
    Output("spaces NAME", "A list of those that are named, in full.", list[SpaceInFull]),
    Output("doctor", "A list of checks, in order.", list[Diagnosis]),
    Output("bench", "Any of the measurements.", Measured),
)
