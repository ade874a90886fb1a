"""Which figure stands where, and what of the choices it depends on. Pages and the report draw the same ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from itnas.dashboard.choices import Choices
from itnas.dashboard.kernel_choice import KernelChoice
from itnas.dashboard.view import RunView
from itnas.figures import (
    anytime,
    emergence,
    gene_scores,
    importance,
    learning_curves,
    parallel,
    pareto,
    scores,
    timeline,
    triangle,
)
from itnas.figures.kernels import change, fidelity, growth, heatmap, profile, ranks, replaced, shares, spectrum
from itnas.figures.theme import nothing
from itnas.registry import Registry
from itnas.store import RunError
from itnas.store.connect import blamed

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import NDArray

SELECTED = {
    "type": "scatter",
    "mode": "markers",
    "x": [],
    "y": [],
    "meta": "selected",
    "name": "selected",
    "marker": {"symbol": "circle-open", "size": 12, "line": {"width": 2.5}, "color": "#D55E00"},
    "hoverinfo": "skip",
    "showlegend": False,
}


class Drawn(NamedTuple):
    figure: go.Figure
    remark: str = ""


Draw = Callable[[RunView, Choices], Drawn]


class Panel(NamedTuple):
    """`needs`: the words of the choices that change it."""

    draw: Draw
    needs: tuple[str, ...]

    def drawn(self, view: RunView, choices: Choices) -> Drawn:
        """A run that is damaged, or a file that is missing, leaves a note instead of a figure."""
        try:
            with blamed(view.reader.path):
                found = self.draw(view, choices)
        except (RunError, OSError) as error:
            return Drawn(nothing("not to be shown"), str(error))
        # A plot of which there is nothing to show says why itself.
        said = [each.text for each in found.figure.layout.annotations] if not found.figure.data else []
        return Drawn(_linked(found.figure), "" if found.remark in said else found.remark)


PANELS: Registry[Panel] = Registry("panel")


def panel(name: str, *needs: str) -> Callable[[Draw], Draw]:
    """Make a figure known by its name."""

    def add(draw: Draw) -> Draw:
        PANELS.add(name, Panel(draw, ("run", *needs)))
        return draw

    return add


def _linked(figure: go.Figure) -> go.Figure:
    """Figures of trials get a trace in which the browser marks those that are selected."""
    if any(trace.meta == "trials" and trace.type == "scatter" for trace in figure.data):
        figure.add_traces([SELECTED])
    return figure


def _module(module: Any, info: Any) -> Drawn:
    return Drawn(module.draw(info), getattr(info, "remark", ""))


@panel("emergence")
def _emergence(view: RunView, _choices: Choices) -> Drawn:
    return _module(emergence, emergence.prepare(view.findings(), view.layer_frame()))


@panel("triangle")
def _triangle(view: RunView, _choices: Choices) -> Drawn:
    return _module(triangle, triangle.prepare(view.corners()))


@panel("scores", "task")
def _scores(view: RunView, choices: Choices) -> Drawn:
    return _module(scores, scores.prepare(view.trials(view.task(choices))))


@panel("anytime", "task")
def _anytime(view: RunView, choices: Choices) -> Drawn:
    task = view.task(choices)
    return _module(anytime, anytime.prepare(view.trials(task), *view.levels(task)))


@panel("pareto", "task", "cost")
def _pareto(view: RunView, choices: Choices) -> Drawn:
    cost = choices["cost"] if choices["cost"] in COSTS else COSTS[0]
    return _module(pareto, pareto.prepare(view.trials(view.task(choices)), cost))


COSTS = ("parameters", "flops", "seconds")


@panel("parallel", "task")
def _parallel(view: RunView, choices: Choices) -> Drawn:
    task = view.task(choices)
    info = parallel.prepare(view.trials(task), view.genes(task), view.importance(task))
    return _module(parallel, info)


@panel("importance", "task")
def _importance(view: RunView, choices: Choices) -> Drawn:
    task = view.task(choices)
    return _module(importance, importance.prepare(view.trials(task), view.genes(task), view.importance(task)))


@panel("gene", "task", "gene")
def _gene(view: RunView, choices: Choices) -> Drawn:
    task = view.task(choices)
    gene = view.gene(choices)
    if gene is None:
        return Drawn(nothing("no gene has been varied yet"))
    return _module(gene_scores, gene_scores.prepare(view.trials(task), view.genes(task), gene))


@panel("timeline")
def _timeline(view: RunView, _choices: Choices) -> Drawn:
    return _module(timeline, timeline.prepare(view.trials(), view.reader.now()))


def _kernel(name: str, *more: str) -> Callable[[Callable[[KernelChoice], Drawn]], Draw]:
    """A figure of the kernel that was chosen."""

    def add(draw: Callable[[KernelChoice], Drawn]) -> Draw:
        def of_choice(view: RunView, choices: Choices) -> Drawn:
            found = KernelChoice.of(view, choices)
            return Drawn(nothing("no kernels were kept of this trial")) if found is None else draw(found)

        return panel(name, "task", "trial", "layer", "head", *more)(of_choice)

    return add


def _heatmap(own: KernelChoice, kernel: NDArray[Any] | None) -> heatmap.Heatmap:
    return heatmap.prepare(kernel, own.array("shown"), limit=own.limit, parts=own.about.get("parts"))


@_kernel("kernel mean", "limit")
def _mean(own: KernelChoice) -> Drawn:
    return _module(heatmap, _heatmap(own, own.of_head("averaged")))


@_kernel("kernel sample", "limit", "sample")
def _sample(own: KernelChoice) -> Drawn:
    return _module(heatmap, _heatmap(own, own.sample_of("examples")))


@_kernel("profile")
def _profile(own: KernelChoice) -> Drawn:
    mean, spread, offsets = (own.array(name) for name in ("profile_mean", "profile_sd", "offsets"))
    return _module(profile, profile.prepare(mean, spread, offsets, head=own.head))


@_kernel("shares")
def _shares(own: KernelChoice) -> Drawn:
    return _module(shares, shares.prepare(own.about))


@_kernel("singular values")
def _singular(own: KernelChoice) -> Drawn:
    info = ranks.prepare_singular(own.array("singular"), own.array("averaged"))
    return Drawn(ranks.draw_singular(info), info.remark)


@_kernel("rank profile")
def _crossing(own: KernelChoice) -> Drawn:
    info = ranks.prepare_crossing(own.array("rank_profile"), own.array("cuts"))
    return Drawn(ranks.draw_crossing(info), info.remark)


@_kernel("spectrum")
def _spectrum(own: KernelChoice) -> Drawn:
    names = ["frequencies"] if own.array("frequencies") is not None else [f"frequencies_{axis}" for axis in range(3)]
    lines = [found for name in names if (found := own.array(name)) is not None]
    return _module(spectrum, spectrum.prepare(own.array("spectrum"), *lines, head=own.head))


@_kernel("fidelity")
def _fidelity(own: KernelChoice) -> Drawn:
    return _module(fidelity, fidelity.prepare(own.file.curves(own.replica, own.layer)))


@_kernel("growth")
def _growth(own: KernelChoice) -> Drawn:
    return _module(growth, growth.prepare(own.file.states(own.replica, own.layer)))


@_kernel("replaced", "family", "sample")
def _replaced(own: KernelChoice) -> Drawn:
    family = own.family
    if family is None:
        return Drawn(nothing("no replaced kernels were kept of this layer"))
    told = own.families[family]
    info = replaced.prepare(
        own.sample_of("examples", own.replaced_sample),
        own.sample_of(f"replaced.{family}", own.replaced_sample),
        own.array("shown"),
        family=family,
        budget=told["budget"],
        enough=told["enough"],
    )
    return _module(replaced, info)


@_kernel("change")
def _change(own: KernelChoice) -> Drawn:
    recorded = own.array("history")
    profiles = None if recorded is None else [each[own.head] for each in recorded]
    steps = own.array("history_steps")
    told = () if steps is None else [int(each) for each in steps]
    return _module(change, change.prepare(profiles, told, own.array("history_offsets")))


@panel("curves", "task", "trial")
def _curves(view: RunView, choices: Choices) -> Drawn:
    trial = view.chosen_trial(choices)
    if trial is None:
        return Drawn(nothing("no trial is complete yet"))
    rows = view.training_rows(trial)
    if rows.empty:
        return Drawn(nothing("nothing of its training is known"))
    chance, ceiling = view.levels(view.trial(trial)["task"])
    info = learning_curves.prepare(rows, chance=chance, ceiling=ceiling, title="")
    return Drawn(learning_curves.draw(info))
