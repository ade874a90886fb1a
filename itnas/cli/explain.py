"""`itnas explain`: what the layers of a trained network became."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from itnas.cli.listing import AsCsv, AsJson, check_suffix, show

if TYPE_CHECKING:
    from rich.console import Console

    from itnas.behaviour import Explanation, LayerVerdict
    from itnas.behaviour.describe import Description
    from itnas.training.trained_folder import Member, TrainedFolder


def explain(
    weights: Annotated[str, typer.Argument(help="A folder that itnas train wrote, or a .safetensors file in it.")],
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="Judge by this task; by default the one trained on.")
    ] = None,
    lengths: Annotated[
        str | None, typer.Option("--lengths", help="Points per sample: 32,64,128; verdicts hold at the longest.")
    ] = None,
    replica: Annotated[
        int | None, typer.Option("--replica", help="A replica by its number, from 0; by default the best one.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every replica of the chosen learning rate.")] = False,
    copies: Annotated[
        int, typer.Option("--copies", help="Untrained copies that verdicts are compared with; 0: none.")
    ] = 4,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw kernels and fidelity curves on a page: .html.")
    ] = None,
    arrays: Annotated[
        Path | None, typer.Option("--arrays", help="Write kernels, profiles and spectra as NumPy arrays: .npz.")
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Replace each layer of a trained network by every family in turn, and name what it became."""
    if as_json and as_csv:
        raise ValueError("--json and --csv exclude each other: give one of them")
    if every and replica is not None:
        raise ValueError("--all and --replica exclude each other: give one of them")
    if copies < 0:
        raise ValueError(f"--copies must not be negative, got {copies}")
    chosen = None if lengths is None else _lengths(lengths)
    for option, path, endings in (("--plot", plot, ("html",)), ("--arrays", arrays, ("npz",))):
        _check_target(option, path, endings)
    from itnas.behaviour import explain as examine
    from itnas.training.trained_folder import TrainedFolder

    folder = TrainedFolder.open(weights, task)
    members = folder.every() if every else [folder.best() if replica is None else folder.one(replica)]
    found = []
    for member in members:
        with _progress(f"replica {member.replica} on {folder.task.label}", copies, quiet=quiet):
            found.append(examine(member.network, folder.task, chosen, copies=copies, replica=member.replica))
    if plot is not None or arrays is not None:
        from itnas.behaviour.describe import describe_network

        with _progress("kernels", 0, quiet=quiet):
            described = [describe_network(each.network, folder.task, max(found[0].lengths)) for each in members]
        if arrays is not None:
            _write_arrays(arrays, members, described)
        if plot is not None:
            _draw(plot, folder, members, found, described)
    _print(folder, members, found, as_json=as_json, as_csv=as_csv, every=every)


def _lengths(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"--lengths must be whole numbers with commas between them, got {text!r}") from error
    if min(found) < 4:
        raise ValueError(f"--lengths must be at least 4, got {text}")
    return found


def _check_target(option: str, path: Path | None, endings: Sequence[str]) -> None:
    """Say before the work what could not be written after it."""
    if path is None:
        return
    check_suffix(path.name, endings)
    if path.is_dir():
        raise ValueError(f"{option} {path} is a folder: name a file")
    if any(parent.is_file() for parent in path.parents):
        raise ValueError(f"{option} {path} lies below a file: name another place")


@contextmanager
def _progress(what: str, copies: int, *, quiet: bool) -> Iterator[None]:
    """On stderr: a spinner in a terminal, a line elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    text = f"explaining {what}" + (f", beside {copies} untrained copies" if copies else "")
    if quiet:
        yield
    elif console.is_terminal:
        with console.status(text):
            yield
    else:
        console.print(text, highlight=False, soft_wrap=True, markup=False)
        yield


def _write_arrays(target: Path, members: Sequence[Member], described: Sequence[Sequence[Description]]) -> None:
    """`replica.layer.name`, and the numbers as JSON under `about`."""
    import io

    import numpy as np

    from itnas.files import write_atomically

    arrays: dict[str, Any] = {}
    about: dict[str, Any] = {}
    for member, layers in zip(members, described, strict=True):
        for number, layer in enumerate(layers):
            key = f"{member.replica}.{number}"
            about[key] = layer.to_dict()
            arrays |= {f"{key}.{name}": part for name, part in layer.arrays().items()}
    content = io.BytesIO()
    np.savez_compressed(content, about=np.array(json.dumps(about)), **arrays)
    write_atomically(target, content.getvalue())


def _draw(
    target: Path,
    folder: TrainedFolder,
    members: Sequence[Member],
    found: Sequence[Explanation],
    described: Sequence[Sequence[Description]],
) -> None:
    import pandas as pd

    from itnas.behaviour.describe.tables import curve_table, state_table
    from itnas.figures import explanation, write_figure

    layers = [layer for each in found for layer in each.layers]
    kernels = [one for each in described for one in each]
    several = len(found) > 1
    table = pd.DataFrame(
        {
            "heading": [_heading(layer, several=several) for layer in layers],
            "sentence": [layer.sentence() for layer in layers],
            "unit": [_unit(one) for one in kernels],
        }
    )
    stored = [one.arrays() for one in kernels]
    info = explanation.prepare(
        table,
        curve_table(layers),
        state_table(layers),
        [each["averaged"] if "averaged" in each else each["examples"][0] for each in stored],
        [each["shown"] for each in stored],
        title=f"{folder.task.label}: {f'{len(members)} replicas' if several else _named(members[0])}",
        enough=found[0].thresholds.fidelity,
    )
    write_figure(explanation.draw(info), target)


def _unit(one: Description) -> str:
    """What a picture shows one of. Where places differ from sample to sample, there is no mean kernel to draw."""
    own = "channel" if one.channels else "head"
    return own if "averaged" in one.stored else f"one sample, {own}"


def _named(member: Member) -> str:
    return f"replica {member.replica}" + ("" if member.score is None else f" (score {member.score:.4f})")


def _heading(layer: LayerVerdict, *, several: bool) -> str:
    whose = f"Replica {layer.replica}, layer" if several else "Layer"
    return f"{whose} {layer.layer + 1}: {layer.name} ({layer.kind})"


def _print(
    folder: TrainedFolder,
    members: Sequence[Member],
    found: Sequence[Explanation],
    *,
    as_json: bool,
    as_csv: bool,
    every: bool,
) -> None:
    from itnas.training.folder import without_nan

    if as_json:
        plain = without_nan([each.to_dict() for each in found])
        typer.echo(json.dumps(plain if every else plain[0], indent=1, allow_nan=False))
    elif as_csv:
        show([row for each in found for row in each.rows()], title="", as_json=False, as_csv=True)
    else:
        from rich.console import Console

        console = Console()
        for member, each in zip(members, found, strict=True):
            _show(console, folder, member, each)


def _show(console: Console, folder: TrainedFolder, member: Member, found: Explanation) -> None:
    """One network for people."""
    _say(console, f"{folder.task.label}, {_named(member)}, at {_series(found.lengths)} points", style="bold")
    for layer in found.layers:
        console.print()
        _say(console, _heading(layer, several=False), style="bold")
        _say(console, layer.sentence())
        verdicts = (layer, *layer.heads)
        lengths = sorted({length for each in verdicts for length in _states(each)})
        _table(console, [_verdict_row(each, lengths) for each in verdicts])
        # Of a layer that does nothing only the heads were asked.
        asked = dict.fromkeys(name for each in verdicts for name in each.fidelity)
        families = [name for name in asked if name != "none" and " + " not in name]
        _table(console, [_fidelity_row(each, families) for each in verdicts])
        sums = [f"{name} {_share(value)}" for name, value in layer.fidelity.items() if " + " in name]
        if sums:
            _say(console, f"Sums: {', '.join(sums)}")
    for whole in found.whole.values():
        console.print()
        between = f" (95 %: {_between(whole.low, whole.high)})" if math.isfinite(whole.low) else ""
        _say(console, f"All layers replaced at once by what they became: fidelity {_share(whole.value)}{between}")
    console.print()


def _say(console: Console, text: str, style: str | None = None) -> None:
    """A line: of the terminal's width, in a pipe as long as it is."""
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=not console.is_terminal)


def _table(console: Console, rows: Sequence[Mapping[str, str]]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    shown = [name for name in rows[0] if any(row[name] for row in rows)]
    if len(shown) < 2:
        return
    for name in shown:
        left, wraps = name in ("verdict", "fidelity", "family"), name.startswith("state")
        table.add_column(name, justify="left" if left else "right", overflow="fold", no_wrap=not wraps)
    for row in rows:
        table.add_row(*(row[name] for name in shown))
    console.print(table)


def _who(verdict: LayerVerdict) -> str:
    return "layer" if verdict.head is None else f"  head {verdict.head + 1}"


def _states(verdict: LayerVerdict) -> dict[int, str]:
    """r* by length, where points have an order and it was asked."""
    own = {length: need for length, need in verdict.states.items() if "recurrence" in verdict.by_length[length].curves}
    return {length: "more" if need is None else str(need) for length, need in own.items()}


def _verdict_row(verdict: LayerVerdict, lengths: Sequence[int]) -> dict[str, str]:
    growth, states = verdict.growth, _states(verdict)
    by_length = _series(states.get(length, "-") for length in lengths) if states else None
    return {
        "verdict": _who(verdict),
        "family": verdict.family,
        "95 %": _between(*verdict.interval),
        "share": "" if verdict.head is None else f"{verdict.share:.0%}",
        "support (growth)": _growing(verdict.support, growth["support"]),
        f"state at {_series(lengths)} (growth)": _growing(by_length, growth["state"]),
        "origin": "emerged" if verdict.emerged else "imposed" if verdict.imposed else "",
    }


def _fidelity_row(verdict: LayerVerdict, families: Sequence[str]) -> dict[str, str]:
    values = verdict.fidelity
    return {"fidelity": _who(verdict)} | {name: _share(values.get(name)) for name in families}


def _series(values: Any) -> str:
    return ", ".join(map(str, values))


def _share(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.2f}"


def _between(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}" if math.isfinite(low) and math.isfinite(high) else ""


def _growing(need: object, slope: float | None) -> str:
    """A budget, and the slope of log(1 + budget) on log N."""
    return "" if need is None else f"{need}" + ("" if slope is None else f" ({slope:+.2f})")
