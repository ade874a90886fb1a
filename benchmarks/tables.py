"""The documentation's measured tables, from `benchmarks/results/*.json`: `python -m benchmarks.tables`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .numbers import equals, everything, found, summary
from .sections import ABOUT

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
# Tables that are drawn together from several sections.
DERIVED = {"summary": summary, "everything": everything, "found": found, "equals": equals}
NAMES = "plans training verdicts search dashboard scaling export modalities findings performance"
PAGES = (ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in NAMES.split()))


def measured() -> dict[str, Any]:
    """The sections of all results, whose names do not repeat."""
    found: dict[str, Any] = {}
    for path in sorted(RESULTS.glob("*.json")):
        own = {name: rows for name, rows in json.loads(path.read_text()).items() if name not in ABOUT}
        if again := found.keys() & own:
            raise ValueError(f"{path.name} has sections that other results have too: {', '.join(sorted(again))}")
        found |= own
    return found


def markdown(rows: list[dict[str, Any]]) -> str:
    """Rows as a table, columns in order of appearance, three digits."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(_shown(row.get(column, "")) for column in columns) + " |")
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def filled(text: str, measured: dict[str, Any]) -> str:
    """A page with its measured blocks renewed."""

    def block(match: re.Match[str]) -> str:
        name = match.group(2)
        rows = DERIVED[name](measured) if name in DERIVED else measured[name]
        return match.group(1) + markdown(rows) + match.group(3)

    return BLOCK.sub(block, text)


def main() -> None:
    found = measured()
    for page in PAGES:
        page.write_text(filled(page.read_text(), found))


if __name__ == "__main__":
    main()
