"""The documentation's measured tables, from `benchmarks/results/*.json`: `python -m benchmarks.tables`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
PAGES = (
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{name}.md"
        for name in ("plans", "training", "verdicts", "search", "dashboard", "scaling", "export", "modalities")
    ),
)


def measured() -> dict[str, Any]:
    """The sections of all results: their names do not repeat."""
    return {
        name: rows for path in sorted(RESULTS.glob("*.json")) for name, rows in json.loads(path.read_text()).items()
    }


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


def summary(measured: dict[str, Any]) -> list[dict[str, Any]]:
    """One line for each number that the project set out to reach."""
    head = measured["fused"][0]
    larger = [row for row in measured["fused"] if row["h"] == 32 or row["N"] == 1024]
    longest = {row["causal"]: row for row in measured["sorted"] if row["N"] == 4096}
    grown = [row["growth exponent from 4096"] for row in measured["sorted"] if "growth exponent from 4096" in row]
    rows = [
        ("fused CPU kernel, B 32 N 64 H 2 h 16 relu, causal", "eager torch", ">= 15x", f"{head['eager / fused']:.1f}x"),
        (
            "the same at h 32 / at N 1024",
            "eager torch",
            "",
            " / ".join(f"{row['eager / fused']:.0f}x" for row in larger),
        ),
        ("fused, extra memory at N 2048", "eager torch", "<= 1/16", f"1/{measured['memory'][0]['eager / fused']:.0f}"),
        (
            "sorted, N 4096 h 8, causal / not",
            "dense",
            ">= 50x",
            f"{longest[True]['dense / sorted']:.0f}x / {longest[False]['dense / sorted']:.0f}x",
        ),
        ("sorted, error of local kernels", "exact", "<= 1e-5", f"{longest[True]['error of a local kernel']:.0e}"),
        ("sorted, growth exponent 4k to 64k", "", "<= 1.3", f"{max(grown):.2f}"),
    ]
    for row in measured["peers"]:
        rows.append((f"{row['plan']}: {row['case']}", "by hand", "<= 1.15x the time", f"{row['ours / peer']:.2f}x"))
    learned = measured["poisson"][0]
    rows.append(
        (
            "Green's function of Poisson's equation, at 1x / 4x resolution",
            "exact",
            "<= 2 %",
            f"{100 * learned['error at N = 64 (trained there)']:.1f} % / {100 * learned['error at N = 256']:.1f} %",
        )
    )
    return [dict(zip(("what", "peer", "to reach", "measured"), row, strict=True)) for row in rows]


def filled(text: str, measured: dict[str, Any]) -> str:
    """A page with its measured blocks renewed."""

    def block(match: re.Match[str]) -> str:
        name = match.group(2)
        rows = summary(measured) if name == "summary" else measured[name]
        return match.group(1) + markdown(rows) + match.group(3)

    return BLOCK.sub(block, text)


def main() -> None:
    found = measured()
    for page in PAGES:
        page.write_text(filled(page.read_text(), found))


if __name__ == "__main__":
    main()
