"""`itnas spaces`: what there is to search, and what a space file holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from itnas.cli import complete
from itnas.cli.listing import show
from itnas.cli.options import AsCsv, AsJson, argument, flag
from itnas.cli.screen import console, exclude, say_json

if TYPE_CHECKING:
    from rich.tree import Tree

    from itnas.space import Space
    from itnas.space.rows import Row


def spaces(
    names: Annotated[
        list[str] | None,
        argument("Show these in full: names of shipped spaces, or YAML files.", name="space", complete=complete.spaces),
    ] = None,
    schema: Annotated[
        bool, flag("--schema", told="Print the language's JSON schema, for editors that check YAML.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the search spaces; of a named one, what may be chosen, and how many different genomes that makes."""
    from itnas.space import Space, shipped

    exclude(schema=schema, csv=as_csv)
    exclude(json=as_json, csv=as_csv)
    if schema:
        if names:
            raise ValueError("--schema is of the language, not of a space: leave the names out")
        say_json(Space.schema())
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
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, show_lines=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for space in found:
        table.add_row(Text(space.name), Text(f"{space.summary}\n{_figures(space)}"))
    console(prose=True).print(table)


def _figures(space: Space, *, counted: bool = False) -> str:
    """How large it is. `counted`: also how many different genomes, which may take seconds."""
    if space.only() is not None:
        return f"{len(space.parameters())} parameters to choose: one genome, for itnas train and itnas.build"
    size = _size(space)
    if size == "continuous":
        return f"{len(space.parameters())} parameters; combinations and genomes without end: some are continuous"
    different = f"; {space.genomes()} different genomes" if counted else ""
    return f"{len(space.parameters())} parameters; {size} combinations{different}"


def _show_one(space: Space) -> None:
    """The space as a tree: what may be chosen, and under which choice."""
    from rich.text import Text
    from rich.tree import Tree

    screen = console()
    tree = Tree(Text(space.name, style="bold"), guide_style="dim")
    _grow(tree, space.tree())
    if space.summary:
        screen.print(Text(space.summary))
    screen.print(tree)
    screen.print(Text(_figures(space, counted=True)))
    bounds = ", ".join(space.constraints.texts()) or "none"
    screen.print(Text(f"Constraints: {bounds}"))


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
