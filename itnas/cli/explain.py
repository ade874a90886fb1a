"""`itnas explain`: what the layers of a trained network became."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from itnas.cli import complete
from itnas.cli.data import use_data
from itnas.cli.listing import show
from itnas.cli.options import TASKS, AsCsv, AsJson, Data, Quiet, argument, flag, option
from itnas.cli.screen import console as screen
from itnas.cli.screen import exclude, say_json
from itnas.cli.targets import check_target

if TYPE_CHECKING:
    from rich.console import Console

    from itnas.behaviour import Explanation
    from itnas.behaviour.describe import Description
    from itnas.behaviour.fidelity import Fidelity
    from itnas.figures.explanation import Kernels
    from itnas.training.trained_folder import Member, TrainedFolder


def explain(
    weights: Annotated[
        str,
        argument(
            "What itnas train wrote (a folder, or a .safetensors file in it), or RUN:TRIAL.",
            name="weights",
            complete=complete.trained,
        ),
    ],
    task: Annotated[
        str | None,
        option("--task", "-t", takes="task", told="Judge by this task.", default="the one trained on", complete=TASKS),
    ] = None,
    lengths: Annotated[
        str | None,
        option(
            "--lengths",
            takes="n,n,...",
            told="Points per sample: 32,64,128; verdicts hold at the longest.",
            default="the task's own",
        ),
    ] = None,
    replica: Annotated[
        int | None,
        option("--replica", takes="n", told="Explain this replica, counted from 0.", default="the best one"),
    ] = None,
    every: Annotated[bool, flag("--all", told="Explain every replica of the chosen learning rate.")] = False,
    copies: Annotated[
        int, option("--copies", takes="n", told="Untrained copies to compare verdicts with.", default=4)
    ] = 4,
    plot: Annotated[
        Path | None, option("--plot", takes="file", told="Write a page with verdicts, kernels and curves: .html.")
    ] = None,
    arrays: Annotated[
        Path | None,
        option("--arrays", takes="file", told="Write kernels, profiles and spectra as NumPy arrays: .npz."),
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    quiet: Quiet = False,
) -> None:
    """Replace each layer of a trained network by every family in turn, and name what it became."""
    use_data(data)
    exclude(json=as_json, csv=as_csv)
    exclude(all=every, replica=replica is not None)
    if copies < 0:
        raise ValueError(f"--copies must not be negative, got {copies}")
    chosen = None if lengths is None else _lengths(lengths)
    for name, path, endings in (("--plot", plot, ("html",)), ("--arrays", arrays, ("npz",))):
        check_target(name, path, endings)
    trained = _trained(weights)
    from itnas.behaviour.cross_examine import checked, explain_replicas
    from itnas.behaviour.samples import Source
    from itnas.training.trained_folder import TrainedFolder

    folder = TrainedFolder.open(trained, task)
    members = folder.every() if every else [folder.best() if replica is None else folder.one(replica)]
    networks = {member.replica: member.network for member in members}
    checked(members[0].network, Source(folder.task), chosen, copies)
    told = f"replica {members[0].replica}" if len(members) == 1 else f"{len(members)} replicas"
    with _progress(f"{told} on {folder.task.label}", copies, quiet=quiet):
        found = explain_replicas(networks, folder.task, chosen, copies=copies)
    if plot is not None or arrays is not None:
        from itnas.behaviour.describe import describe_network, packed_arrays
        from itnas.files import write_atomically

        with _progress("kernels", 0, quiet=quiet):
            described = [describe_network(each.network, folder.task, max(found[0].lengths)) for each in members]
        if arrays is not None:
            numbers = [each.replica for each in members]
            write_atomically(arrays, packed_arrays(dict(zip(numbers, described, strict=True))))
        if plot is not None:
            _draw(plot, folder, members, found, described)
    _print(folder, members, found, as_json=as_json, as_csv=as_csv, every=every)


def _trained(weights: str) -> Path:
    """A folder of trained networks; of a trial of a sweep (`runs/first:12`) the confirmed ones, if there are any."""
    from itnas.run import Run
    from itnas.store.reader import is_run

    path = Path(weights)
    run, _, trial = weights.rpartition(":")
    if run and trial.isdecimal() and not path.exists():
        return Run(run).networks(int(trial))
    if is_run(path):
        there = ", ".join(map(str, Run(path).reader.keeping("weights")))
        told = f"name one of its trials, {path}:N, where N is {there}" if there else "it kept no networks"
        raise ValueError(f"{path} is a sweep: {told}")
    return path


def _lengths(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"--lengths must be whole numbers with commas between them, got {text!r}") from error
    if min(found) < 4:
        raise ValueError(f"--lengths must be at least 4, got {text}")
    return found


@contextmanager
def _progress(what: str, copies: int, *, quiet: bool) -> Iterator[None]:
    """On stderr: a spinner in a terminal, a line elsewhere."""
    console = screen(stderr=True)
    text = f"explaining {what}" + (f", beside {copies} untrained copies" if copies else "")
    if quiet:
        yield
    elif console.is_terminal:
        with console.status(text):
            yield
    else:
        console.print(text, soft_wrap=True)
        yield


def _draw(
    target: Path,
    folder: TrainedFolder,
    members: Sequence[Member],
    found: Sequence[Explanation],
    described: Sequence[Sequence[Description]],
) -> None:
    from itnas.behaviour.describe.tables import curve_table, state_table
    from itnas.figures import explanation
    from itnas.files import write_atomically

    verdicts = [verdict for each in found for layer in each.layers for verdict in (layer, *layer.heads)]
    info = explanation.prepare(
        [verdict.to_dict() for verdict in verdicts],
        curve_table(verdicts),
        state_table(verdicts),
        [_kernels(one) for each in described for one in each],
        title=f"{folder.task.label}: what the layers became",
        enough=found[0].thresholds.fidelity,
        said=[f"At {_series(found[0].lengths)} points per sample; verdicts hold at the longest."],
        said_of={member.replica: _said_of_all(member, each) for member, each in zip(members, found, strict=True)},
    )
    write_atomically(target, explanation.page(info).encode())


def _kernels(one: Description) -> Kernels:
    from itnas.figures.explanation import Kernels

    stored = one.arrays()
    return Kernels(stored.get("averaged"), stored["examples"], stored["shown"], one.samples, one.channels)


def _said_of_all(member: Member, found: Explanation) -> list[str]:
    """A network's score, and what its verdicts account for together."""
    scored = [] if member.score is None else [f"Its score in training was {member.score:.4f}."]
    return scored + [f"{_whole(each)}." for each in found.whole.values()]


def _whole(found: Fidelity) -> str:
    between = f" (95 %: {found.low:.2f} to {found.high:.2f})" if math.isfinite(found.low) else ""
    return f"All layers replaced at once by what they became: fidelity {found.value:.2f}{between}"


def _named(member: Member) -> str:
    return f"replica {member.replica}" + ("" if member.score is None else f" (score {member.score:.4f})")


def _print(
    folder: TrainedFolder,
    members: Sequence[Member],
    found: Sequence[Explanation],
    *,
    as_json: bool,
    as_csv: bool,
    every: bool,
) -> None:
    if as_json:
        described = [each.to_dict() for each in found]
        say_json(described if every else described[0])
    elif as_csv:
        show([row for each in found for row in each.flat_rows()], title="", as_json=False, as_csv=True)
    else:
        console = screen()
        for member, each in zip(members, found, strict=True):
            _show(console, folder, member, each)
        if len(found) > 1:
            _agree(console, found)


def _agree(console: Console, found: Sequence[Explanation]) -> None:
    """What the replicas have in common."""
    from itnas.behaviour.agreement import Observed, agreements

    layers = [layer for each in found for layer in each.layers]
    _say(console, f"Over {len(found)} replicas", style="bold")
    for each in agreements(Observed("", layer.layer, layer.family, layer.untrained) for layer in layers):
        _say(console, f"Layer {each.layer + 1}: {each.sentence()}")
    blocks = [block for layer in layers for block in layer.blocks]
    for name in dict.fromkeys(block.block for block in blocks):
        own = [Observed("", block.layer, block.family, block.untrained) for block in blocks if block.block == name]
        for each in agreements(own):
            _say(console, f"Layer {each.layer + 1}, {name}: {each.sentence()}")


def _show(console: Console, folder: TrainedFolder, member: Member, found: Explanation) -> None:
    """One network for people."""
    from itnas.figures.explanation import fidelity_row, fidelity_text, verdict_row

    _say(console, f"{folder.task.label}, {_named(member)}, at {_series(found.lengths)} points", style="bold")
    if found.score is not None and found.chance is not None:
        _say(
            console,
            f"judged at {found.lengths[-1]} points, where it scores {found.score:.4f} (chance {found.chance:.4f})",
        )
    for length, score in found.dropped.items():
        _say(console, f"not looked at: {length} points, where it has lost its skill (score {score or 0.0:.4f})")
    for layer in found.layers:
        console.print()
        _say(console, f"Layer {layer.layer + 1}: {layer.name} ({layer.kind})", style="bold")
        for each in (layer, *layer.blocks):
            _say(console, each.sentence())
        verdicts = (layer, *layer.blocks, *layer.heads)
        rows, states = [each.to_dict() for each in verdicts], [each.states for each in verdicts]
        lengths = sorted({length for own in states for length in own})
        _table(console, [verdict_row(row, own, lengths) for row, own in zip(rows, states, strict=True)])
        # Of a layer that does nothing only the heads were asked.
        asked = dict.fromkeys(name for each in verdicts for name in each.fidelity)
        families = [name for name in asked if name != "none" and " + " not in name]
        _table(console, [fidelity_row(row, families) for row in rows])
        sums = [f"{name} {fidelity_text(value)}" for name, value in layer.fidelity.items() if " + " in name]
        if sums:
            _say(console, f"Sums: {', '.join(sums)}")
    for whole in found.whole.values():
        console.print()
        _say(console, _whole(whole))
    console.print()


def _say(console: Console, text: str, style: str | None = None) -> None:
    """A line: of the terminal's width, in a pipe as long as it is."""
    console.print(text, style=style, soft_wrap=not console.is_terminal)


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


def _series(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
