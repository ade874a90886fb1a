"""`itnas spaces`: what there is to search, and what a space file holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from itnas.cli.listing import AsCsv, AsJson, show

if TYPE_CHECKING:
    from rich.tree import Tree

    from itnas.space import Space
    from itnas.space.rows import Row


def spaces(
    names: Annotated[
        list[str] | None, typer.Argument(help="Show these in full: names of shipped spaces, or YAML files.")
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the language's JSON schema, for editors that check YAML.")
    ] = False,
) -> None:
    """List the search spaces: what may be chosen, how many combinations, and how many different genomes."""
    from itnas.space import Space, shipped

    if schema:
        typer.echo(json.dumps(Space.schema(), indent=1))
        return
    found = [Space.load(name) for name in names or shipped()]
    if as_json or as_csv:
        rows = [_row(space) | ({"domains": _domains(space)} if names else {}) for space in found]
        show(rows, title="Search spaces", as_json=as_json, as_csv=as_csv)
    elif names:
        for space in found:
            _show_one(space)
    else:
        _show_all(found)


def _row(space: Space) -> dict[str, Any]:
    count = space.genomes()
    return {
        "name": space.name,
        "summary": space.summary,
        "parameters": len(space.parameters()),
        "size": space.size(),
        "genomes": count.number,
        "genomes_exact": count.exact,
        "genomes_low": count.low,
        "genomes_high": count.high,
        "constraints": space.constraints.to_dict(),
    }


def _domains(space: Space) -> list[dict[str, Any]]:
    return [asdict(row) for row in space.tree()]


def _size(space: Space) -> str:
    from itnas.space.count import figure

    size = space.size()
    if size is None:
        return "continuous"
    return f"{size:,}" if size < 10**9 else figure(size)


def _show_all(found: list[Space]) -> None:
    """A paragraph per space: sentences and large numbers would not fit into the columns of a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, show_lines=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for space in found:
        table.add_row(Text(space.name), Text(f"{space.summary}\n{_figures(space)}"))
    Console().print(table)


def _figures(space: Space) -> str:
    if space.only() is not None:
        return f"{len(space.parameters())} parameters to choose: one genome, for itnas train and itnas.build"
    size = _size(space)
    if size == "continuous":
        return f"{len(space.parameters())} parameters; combinations and genomes without end: some are continuous"
    return f"{len(space.parameters())} parameters; {size} combinations; {space.genomes()} different genomes"


def _show_one(space: Space) -> None:
    """The space as a tree: what may be chosen, and under which choice."""
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    console = Console()
    tree = Tree(Text(space.name, style="bold"), guide_style="dim")
    _grow(tree, space.tree())
    if space.summary:
        console.print(Text(space.summary))
    console.print(tree)
    console.print(Text(_figures(space)))
    bounds = ", ".join(space.constraints.texts()) or "none"
    console.print(Text(f"Constraints: {bounds}"))


def _grow(tree: Tree, rows: list[Row]) -> None:
    """Hang every row under the option that it belongs to, its path told from there on."""
    from rich.text import Text

    branches = [("", tree)]
    for row in rows:
        del branches[row.depth + 1 :]
        above, branch = branches[-1]
        if row.kind == "option":
            branches.append((row.path, branch.add(Text(f"{row.text}:", style="cyan"))))
            continue
        if row.path.endswith(("kind", "mixer")) and str(branch.label) == f"{row.text}:":
            continue  # the option is called so
        step = row.path.removeprefix(above).lstrip(".") or row.path
        line = Text(f"{step}  ", style="" if row.kind == "fixed" else "bold")
        added = branch.add(line.append(row.text, style="dim" if row.kind == "fixed" else "not bold green"))
        if row.kind == "choice":
            branches.append((above, added))
