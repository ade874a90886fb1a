"""`--format table`: trials, layers and findings for spreadsheets and data frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itnas.cells import as_csv
from itnas.export.formats.base import RunFormat, register
from itnas.run import Run

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
            pd.testing.assert_frame_equal(pd.read_parquet(target / f"{name}.parquet"), frame, check_dtype=False)
            if len(frame.columns) and len(pd.read_csv(target / f"{name}.csv")) != len(frame):
                raise ValueError(f"loaded back, {name}.csv has another number of rows")
            counts[name] = len(frame)
        return {"rows": counts}


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Lists and mappings as JSON: one number or text in each cell."""
    found = frame.copy()
    for column in found.select_dtypes(object):
        found[column] = [json.dumps(each) if isinstance(each, (list, dict)) else each for each in found[column]]
    return found
