"""One source file made of exactly those definitions of `itnas.export.plain` that are needed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from sys import stdlib_module_names

from itnas.export import plain
from itnas.export.pieces import FILES

Import = tuple[str, str | None, str]  # module, name imported from it (None: the module itself), name used here
SELF = plain.__name__
IGNORED = re.compile(r"\s+# type: ignore\[[\w-]+\]")


@dataclass(frozen=True)
class Definition:
    """A class, function or constant of a file, as it is written there."""

    name: str
    text: str
    uses: frozenset[str]


@dataclass(frozen=True)
class File:
    about: str  # the first line of what the file says of itself
    definitions: tuple[Definition, ...]
    imports: tuple[Import, ...]  # from outside
    needs: tuple[str, ...]  # files of the package that it imports from


def concatenated(roots: Iterable[str], imports: Sequence[Import] = (), last: str = "") -> str:
    """The source of the definitions `roots` and of all that they use, imports first, followed by the text `last`."""
    files = _files()
    wanted = _closure(set(roots) | _names(ast.parse(last)))
    sections, used = [], _names(ast.parse(last))
    for module in _order(files):
        kept = [definition for definition in files[module].definitions if definition.name in wanted]
        if kept:
            first, *others = [definition.text for definition in kept]
            sections += [f"# {files[module].about}\n\n\n{first}", *others]
            used = used.union(*(definition.uses for definition in kept))
    outside = {each for module in files.values() for each in module.imports} | set(imports)
    head = import_block({each for each in outside if each[2] in used})
    return head + "\n\n" + "\n\n\n".join(part for part in (*sections, last.strip()) if part) + "\n"


def import_block(imports: Iterable[Import]) -> str:
    """Import statements as ruff sorts them: the standard library first, whole modules before names."""
    whole: dict[bool, set[str]] = {True: set(), False: set()}
    names: dict[bool, dict[str, set[str]]] = {True: {}, False: {}}
    for module, name, used in imports:
        standard = module.split(".")[0] in stdlib_module_names
        if name is None:
            whole[standard].add(f"import {module}" if used == module else f"import {module} as {used}")
        else:
            names[standard].setdefault(module, set()).add(name if name == used else f"{name} as {used}")
    blocks = ["from __future__ import annotations"]
    for standard in (True, False):
        lines = sorted(whole[standard])
        lines += [
            f"from {module} import {', '.join(_sorted(found))}" for module, found in sorted(names[standard].items())
        ]
        blocks += ["\n".join(lines)] if lines else []
    return "\n\n".join(blocks)


def _sorted(names: Iterable[str]) -> list[str]:
    """Constants, classes, functions."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


@cache
def _files() -> dict[str, File]:
    files = {module: _read(path) for module, path in FILES.items()}
    homes: dict[str, str] = {}
    for module, file in files.items():
        for definition in file.definitions:
            if definition.name in homes:
                raise ValueError(f"{definition.name} is defined twice, in {homes[definition.name]} and {module}")
            homes[definition.name] = module
    return files


def _read(path: Path) -> File:
    text = path.read_text(encoding="utf-8")
    tree, lines = ast.parse(text), text.splitlines()
    definitions: list[Definition] = []
    imports: list[Import] = []
    needs, known = [], set[str]()
    for node in tree.body:
        if isinstance(node, ast.Import):
            imports += [(each.name, None, each.asname or each.name) for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith(SELF):
            needs.append(node.module)
            known |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module not in (None, "__future__"):
            assert node.module is not None
            imports += [(node.module, each.name, each.asname or each.name) for each in node.names]
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            definitions.append(Definition(node.name, _written(node, lines), _names(node)))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            assert isinstance(target, ast.Name)
            definitions.append(Definition(target.id, _written(node, lines), _names(node)))
    known |= {each.name for each in definitions} | {each[2] for each in imports}
    definitions = [Definition(each.name, each.text, each.uses & known) for each in definitions]
    about = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
    return File(about, tuple(definitions), tuple(imports), tuple(needs))


def _written(node: ast.stmt, lines: Sequence[str]) -> str:
    """The lines of a definition, with its decorators and the comment right above it."""
    start = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))]) - 1
    while start and lines[start - 1].startswith("#"):
        start -= 1
    return "\n".join(IGNORED.sub("", line) for line in lines[start : node.end_lineno])


def _names(tree: ast.AST) -> frozenset[str]:
    """What a piece of code refers to, annotations included."""
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def _closure(roots: set[str]) -> set[str]:
    definitions = {each.name: each for file in _files().values() for each in file.definitions}
    found: set[str] = set()
    waiting = [name for name in roots if name in definitions]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [used for used in definitions[name].uses if used in definitions]
    return found


def _order(files: dict[str, File]) -> list[str]:
    """Files after those that they import from."""
    done: list[str] = []

    def visit(module: str) -> None:
        if module not in done:
            for need in files[module].needs:
                visit(need)
            done.append(module)

    for module in sorted(files):
        visit(module)
    return done
