"""What emerges on which task: `python -m benchmarks.findings`.

A sweep of hours, which is kept in `benchmarks/runs/findings` and goes on where it was interrupted; `figures` draws what
docs/findings.md shows of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from itnas.figures.palette import MUTED
from itnas.models import DEFAULT_SPECIALISTS
from itnas.run import Run

from .equals import searched_beside_equals
from .sections import Section, command, run_sections
from .sweeps import QUICK, finished, found_anywhere, pictures, searched_beside_specialists

if TYPE_CHECKING:
    import plotly.graph_objects as go

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "findings.json"
SWEEP = HERE / "runs" / "findings"
TASKS = (
    "recall",
    "induction",
    "local-pattern",
    "delay",
    "exponential-average",
    "flip-flop",
    "parity",
    "permutation-composition",
    "selective-copying",
    "digits",
    "bytes",
)

# Kernels that docs/findings.md shows: trial, layer, head.
SHOWN = {
    "induction-first": (160, 0, 3),
    "induction-second": (160, 1, 1),
    "delay": (186, 1, 0),
    "average": (187, 0, 1),
}
TITLES = ("induction: the one before", "then what came after it", "delay: eight before", "exponential average")


def run_sweep(quick: bool) -> Run:
    """The sweep of the space `emergence`, finished."""
    if quick:
        return finished(None, "emergence", ["delay"], steps=20, length=16, **QUICK)
    return finished(
        SWEEP,
        "emergence",
        TASKS,
        trials=20,
        pruner="halving",
        replicas=2,
        specialists=DEFAULT_SPECIALISTS,
        confirm=4,
        confirm_replicas=4,
        keep=1,
    )


def what_emerged(quick: bool) -> list[dict[str, Any]]:
    return found_anywhere(run_sweep(quick))


def searched_and_specialists(quick: bool) -> list[dict[str, Any]]:
    return searched_beside_specialists(run_sweep(quick))


def searched_and_chance(quick: bool) -> list[dict[str, Any]]:
    return beside_chance(run_sweep(quick))


def beside_chance(run: Run) -> list[dict[str, Any]]:
    """The best of the sampler's proposals beside the best of as many that were drawn at random, and what failed."""
    trials = run.trials()
    rows = []
    for row in {row["task"]: row for row in run.finding_rows()}.values():
        own = trials[trials["task"] == row["task"]]["state"].value_counts()
        rows.append(
            {
                "task": row["task"],
                "of each": row["equal_trials"],
                "best sampled": row["sampler_score"],
                "best at random": row["random_score"],
                **{state: int(own.get(state, 0)) for state in ("complete", "pruned", "failed", "infeasible")},
            }
        )
    return rows


def searched_at_equal_parameters(quick: bool) -> list[dict[str, Any]]:
    """The best searched genome of each task beside all specialists with as many parameters: two hours of one core."""
    if quick:
        small = QUICK | {"replicas": 2, "confirm": 1, "length": 16}
        return searched_beside_equals(finished(None, "emergence", ["delay"], steps=20, **small))
    return searched_beside_equals(run_sweep(quick), DEFAULT_SPECIALISTS)


def figures(quick: bool) -> list[dict[str, Any]]:
    """The pictures of docs/findings.md."""
    run = run_sweep(quick)
    drawn = {"emergence": run.plot.emergence(), "triangle": run.plot.triangle()}
    if not quick:
        for name, (trial, layer, head) in SHOWN.items():
            drawn[name] = run.plot.kernel(trial, layer, head, sample=1)
        drawn["kernels"] = in_a_row(dict(zip(TITLES, (drawn[name] for name in SHOWN), strict=True)))
    return pictures("findings", drawn, quick=quick)


def in_a_row(kernels: dict[str, go.Figure]) -> go.Figure:
    """Kernels side by side under their titles, each with colours of its own."""
    from plotly.subplots import make_subplots

    row = make_subplots(1, len(kernels), subplot_titles=list(kernels), horizontal_spacing=0.03)
    for number, kernel in enumerate(kernels.values(), start=1):
        row.add_trace(kernel.data[0], 1, number)
        axis = "" if number == 1 else str(number)
        row.data[-1].coloraxis = f"coloraxis{axis}"
        row.layout[f"coloraxis{axis}"] = kernel.layout.coloraxis.to_plotly_json() | {"showscale": False}
    plain = {"showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False, "constrain": "domain"}
    frame = {"showline": True, "mirror": True, "linecolor": MUTED}
    row.update_xaxes(plain | frame)
    row.update_yaxes(plain | frame | {"autorange": "reversed"})
    for number in range(1, len(kernels) + 1):
        row.update_yaxes(scaleanchor=f"x{number}", row=1, col=number)
    shared = kernels[next(iter(kernels))].layout
    row.update_annotations(font={"size": 13})
    return row.update_layout(
        font=shared.font, paper_bgcolor=shared.paper_bgcolor, plot_bgcolor=shared.plot_bgcolor, template="none",
        height=260, margin={"l": 8, "r": 8, "t": 34, "b": 8},
    )  # fmt: skip


SECTIONS: dict[str, Section] = {
    "what_emerged": what_emerged,
    "searched_and_specialists": searched_and_specialists,
    "searched_at_equal_parameters": searched_at_equal_parameters,
    "searched_and_chance": searched_and_chance,
    "figures": figures,
}


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections and return {section: rows}."""
    return run_sections(SECTIONS, only=only, quick=quick, quiet=quiet)


if __name__ == "__main__":
    command(SECTIONS, RESULTS, "What emerges on which task.")
