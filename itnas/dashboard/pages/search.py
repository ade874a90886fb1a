"""How the search went: against chance, at what cost, and which genes mattered."""

from __future__ import annotations

from itnas.dashboard.choices import Choices
from itnas.dashboard.panels import COSTS
from itnas.dashboard.parts import Part, control, place
from itnas.dashboard.view import RunView
from itnas.figures.parallel import width as parallel_width


def search(view: RunView, choices: Choices) -> list[Part]:
    genes = [str(name) for name in view.genes(view.task(choices)).columns]
    cost = choices["cost"] if choices["cost"] in COSTS else COSTS[0]
    return [
        place(
            "anytime",
            "Best score so far",
            wide=True,
            note="The sampler beside the random arm of the same sweep, at equal numbers of trials.",
        ),
        place("scores", "Scores", note="Select points to find them in all figures and in the grid."),
        _with(place("pareto", "Score and cost"), control("cost", "cost", [(each, each) for each in COSTS], cost)),
        place("parallel", "Genes and scores", wide=True, height=460, least=parallel_width(len(genes))),
        place(
            "importance",
            "Which genes matter",
            note="The share of the scores' variance that a gene explains by itself; the mark is what chance reaches.",
        ),
        _with(
            place("gene", "Score by gene"),
            control("gene", "gene", [(name, name) for name in genes], view.gene(choices) or ""),
        ),
        place("timeline", "What workers did", wide=True),
    ]


def _with(card: Part, picker: Part) -> Part:
    """A control belongs below the title of its figure."""
    card.children.insert(1, picker)  # type: ignore[union-attr]
    return card
