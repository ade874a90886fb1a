"""Sweeps that are published: kept beside the benchmarks, resumed where they were interrupted, read as tables."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from scipy.special import stdtrit

from itnas.figures.write import write_figure
from itnas.run import Run
from itnas.search.entry import run_again, run_search

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
# A smoke test: one specialist, two proposals.
QUICK: dict[str, Any] = {"trials": 3, "replicas": 1, "confirm": 0, "specialists": ["convnet"], "engine": "inline"}


def finished(folder: Path | None, space: str, tasks: Sequence[str], **settings: Any) -> Run:
    """The sweep in that folder, begun or gone on with; None: a temporary one."""
    if folder is None:
        return run_search(space, tasks, run=Path(tempfile.mkdtemp()) / "run", **settings)
    if not (folder / "run.db").is_file():
        run = run_search(space, tasks, run=folder, **settings)
    elif Run(folder).reader.sweep()["state"] != "ended":
        run = run_again(folder)
    else:
        return Run(folder)
    if run.reader.sweep()["state"] != "ended":
        raise SystemExit(f"{folder}: the sweep was interrupted: the same command goes on with it")
    return run


def found_anywhere(run: Run) -> list[dict[str, Any]]:
    """What layers of the confirmed networks became, whichever layer it is."""
    rows = run.finding_rows()
    return [_share(row) for row in rows if row["family"] is not None and row["layer"] is None]


def found_in_blocks(run: Run) -> list[dict[str, Any]]:
    """The same within each modality and across."""
    return [_share(row) for row in run.block_finding_rows() if row["layer"] is None]


def _share(row: dict[str, Any]) -> dict[str, Any]:
    found = {"task": row["task"]} | ({"block": row["block"]} if row.get("block") else {})
    return found | {
        "family": row["family"],
        "networks": f"{row['count']} of {row['networks']}",
        "95 %": between(row["low"], row["high"]),
        "emerged": row["emerged"],
        "untrained": row["null"],
        "p": None if row["p"] is None else f"{row['p']:.2g}",
    }


def searched_beside_specialists(run: Run) -> list[dict[str, Any]]:
    """The best searched genome and the best specialist of each task on fresh seeds, by the test split, and how far
    they lie apart: with Welch's 95 % interval."""
    confirmed = {row["trial"]: row for row in run.reader.confirmations() if row["state"] == "complete"}
    rows = []
    for row in {row["task"]: row for row in run.finding_rows()}.values():
        best = confirmed.get(row["best_trial"])
        baselines = [trial for trial in run.reader.trials(row["task"]) if trial["origin"] == "specialist"]
        numbers = [trial["number"] for trial in baselines if trial["name"] == row["specialist"]]
        special = next((confirmed[number] for number in numbers if number in confirmed), None)
        size = next((trial["parameters"] for trial in baselines if trial["number"] in numbers), None)
        rows.append(
            {
                "task": row["task"],
                "searched": row["test_score"] if row["test_score"] is not None else row["score"],
                "95 %": between(row["test_low"], row["test_high"]),
                "parameters": None if row["best_trial"] is None else run.reader.trial(row["best_trial"])["parameters"],
                "specialist": row["specialist"],
                "its score": row["specialist_test_score"] or row["specialist_score"],
                "its parameters": size,
                "difference (95 %)": "" if best is None or special is None else difference(best, special),
            }
        )
    return rows


def difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Of two confirmations' test scores. Their intervals are Student's, from which the spread is read back."""
    found = one["test_score"] - other["test_score"]
    errors = [_standard_error(row) for row in (one, other)]
    if None in errors:
        return f"{found:+.3f}"
    squares = [error**2 for error in errors if error is not None]
    degrees = [row["replicas"] - 1 for row in (one, other)]
    if not sum(squares):
        return f"{found:+.3f} (all seeds alike)"
    freedom = sum(squares) ** 2 / sum(
        square**2 / degree for square, degree in zip(squares, degrees, strict=True) if square
    )
    reach = float(stdtrit(freedom, 0.975)) * math.sqrt(sum(squares))
    return f"{found:+.3f} ({found - reach:+.3f} to {found + reach:+.3f})"


def _standard_error(row: dict[str, Any]) -> float | None:
    """From the lower end, which nothing cuts off."""
    if row["test_low"] is None:
        return None
    return float((row["test_score"] - row["test_low"]) / stdtrit(row["replicas"] - 1, 0.975))


def pictures(name: str, figures: Mapping[str, go.Figure], *, quick: bool) -> list[dict[str, Any]]:
    """Write docs/pictures/NAME-FIGURE.png for each; rows that say which."""
    rows = []
    for kind, figure in figures.items():
        if not quick:
            write_figure(figure, PICTURES / f"{name}-{kind}.png")
        rows.append({"figure": f"docs/pictures/{name}-{kind}.png"})
    return rows


def between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.2f}-{high:.2f}"
