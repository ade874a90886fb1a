"""`--format table`: trials, layers and findings for spreadsheets and data frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itnas.cells import as_csv
from itnas.export.formats.base import RunFormat, register
from itnas.run import Run
from itnas.shown import MOMENTS, moment

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("trials", "replicas", "history", "confirmations", "layers", "findings")


@register
class Tables(RunFormat):
    name = "table"
    summary = "a folder with all tables of the run as CSV and Parquet"

    def write(self, run: Run, target: Path) -> dict[str, Any]:
        import pandas as pd

        counts = {}
        for name in TABLES:
            frame = flat(getattr(run, name)())
            rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
            (target / f"{name}.csv").write_text(as_csv(list(frame.columns), rows), encoding="utf-8")
            frame.to_parquet(target / f"{name}.parquet", index=False)
            counts[name] = len(frame)
            if not len(frame.columns):
                continue  # nothing has happened yet
            again = [pd.read_parquet(target / f"{name}.parquet"), pd.read_csv(target / f"{name}.csv")]
            if not again[0].equals(frame) or len(again[1]) != len(frame):
                raise ValueError(f"loaded back, the table of {name} is another one")
        return {"rows": counts}


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """One number or text in each cell: lists and mappings as JSON, moments in ISO 8601."""
    from pandas import isna

    found = frame.copy()
    for column in found.columns.intersection([*MOMENTS]):
        found[column] = [None if isna(each) else moment(each) for each in found[column]]
    for column in found.columns:
        if any(isinstance(each, (list, dict)) for each in found[column]):
            found[column] = [json.dumps(each) if isinstance(each, (list, dict)) else each for each in found[column]]
    return found
