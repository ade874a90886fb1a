"""The kernel atlas: all kernels of a trial as thumbnails, one of them opened in many views."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from itnas.dashboard.blocks import block
from itnas.dashboard.choices import Choices
from itnas.dashboard.kernel_choice import OWN, SHARED, KernelChoice
from itnas.dashboard.parts import Part, choose, control, place
from itnas.dashboard.parts import block as block_place
from itnas.dashboard.view import RunView
from itnas.figures.kernels import thumbnail
from itnas.store import RunError

LIMITS = {OWN: "each its own", SHARED: "the same for all"}


def _named(view: RunView, trials: list[int]) -> list[tuple[str, str]]:
    """As the list to choose from shows them: specialists by their names too."""
    known = view.trials()
    own = known[known["number"].isin(trials) & (known["origin"] == "specialist")]
    names = dict(zip(own["number"], own["name"], strict=True))
    return [(str(each), f"trial {each}" + (f", {names[each]}" if each in names else "")) for each in trials]


def _open(view: RunView, choices: Choices) -> KernelChoice | None:
    """What there is to choose from; a file that cannot be read offers nothing, and the figures say why."""
    try:
        return KernelChoice.of(view, choices)
    except (RunError, OSError):
        return None


def kernels(_view: RunView, _choices: Choices) -> list[Part]:
    name = "kernel choice"
    choice = html.Div(id={"kind": "block", "name": name}, className="tools")
    return [
        html.Div([choice, dcc.Store(id={"kind": "told", "name": name})], className="wide"),
        block_place("atlas", "Kernels", wide=True),
        place("kernel mean", "Mean kernel", height=400, note="From the point across to the point down."),
        place("kernel sample", "Kernel of one input", height=400),
        place("profile", "By offset", note="The mean over all pairs of an offset, and their spread."),
        place("shares", "Content and position"),
        place("fidelity", "Fidelity of replacements", note="What each family's nearest kernel keeps, by budget."),
        place("growth", "Budgets by length", note="A state that grows with the length is attention's mark."),
        place("replaced", "Replaced kernel and what is left", wide=True, least=640),
        place("singular values", "Singular values"),
        place("rank profile", "Numbers that cross each cut"),
        place("spectrum", "Fourier magnitude"),
        place("change", "Change over training"),
    ]


# Choosing another example or colour renews nothing here: the lists show it already.
@block("kernel choice", "task", "trial", "layer")
def _choice(view: RunView, choices: Choices) -> list[Part]:
    found = _open(view, choices)
    kept = view.with_kernels(view.task(choices))
    trial = view.kernel_trial(choices)
    # A trial that was asked for stands in the list, though nothing of it was kept.
    listed = [*kept, *([trial] if trial is not None and trial not in kept else [])]
    samples = found.samples if found else 1
    examples = [(str(each), f"example {each + 1}") for each in range(samples)]
    families = [(each, each) for each in found.families] if found else []
    limit = SHARED if choices["limit"] == SHARED else OWN
    return [
        control("trial", "trial", _named(view, listed), "" if trial is None else str(trial)),
        control("sample", "example input", examples, str(min(found.sample, samples - 1)) if found else "0"),
        control("limit", "colours", list(LIMITS.items()), limit),
        control("family", "replaced by", families, (found.family if found else None) or ""),
    ]


@block("atlas", "task", "trial", "layer", "head", "limit")
def _atlas(view: RunView, choices: Choices) -> list[Part]:
    """A row of thumbnails for each layer, with what the layer became."""
    found = KernelChoice.of(view, choices)
    if found is None:
        return [html.P("No kernels were kept: they are, of the best trials and of confirmed ones.", className="empty")]
    rows = [row for row in view.layers_of(found.trial) if row["replica"] == found.replica]
    parts: list[Part] = []
    for layer in found.file.layers(found.replica):
        own = [row for row in rows if row["layer"] == layer]
        unseen: dict[str, Any] = {"sentence": f"Layer {layer + 1} was not examined."}
        whole = next((row for row in own if row["head"] is None), unseen)
        heads = {row["head"]: row["family"] for row in own if row["head"] is not None}
        blocks: list[dict[str, Any]] = whole.get("blocks", [])
        # Where nothing can be told of any of them, it has been said of the layer.
        shown = (whole, *(blocks if any(each["family"] != "none" for each in blocks) else ()))
        told = [html.P(each["sentence"], className="sentence") for each in shown]
        parts += [*told, html.Div(_thumbnails(found, layer, heads), className="atlas")]
    return parts


def _thumbnails(found: KernelChoice, layer: int, heads: dict[int, str]) -> list[Part]:
    pictures = found.file.array(found.replica, layer, "averaged")
    if pictures is None:
        examples = found.file.array(found.replica, layer, "examples")
        pictures = None if examples is None or not len(examples) else examples[0]
    return [
        choose(
            html.Div(
                [
                    html.Img(src=thumbnail.data_uri(kernel, limit=found.limit), alt=f"kernel of head {head + 1}"),
                    html.Span(f"head {head + 1}"),
                    html.Span(heads.get(head, "")),
                ]
            ),
            kind="thumbnail open" if (layer, head) == (found.layer, found.head) else "thumbnail",
            layer=layer,
            head=head,
        )
        for head, kernel in enumerate(() if pictures is None else pictures)
    ]
