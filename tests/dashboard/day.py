"""A dashboard that is left open: `python -m tests.dashboard.day FOLDER LOOKS ARRIVALS`.

Looks so often at a run, to which trials come in so many portions during the first half, and prints the memory of the
process in MB at the half and at the end.
"""

import gc
import sys
from pathlib import Path

from itnas.dashboard.view import RunView
from itnas.store import RunLock, RunWriter
from tests.dashboard.asking import ROWS, Asking, answered
from tests.dashboard.planting import Planting, planting

TASK = "local-pattern"
PANELS = ("scores", "anytime", "pareto")
FIGURE = '..{"kind":"figure"'
PORTION = 100  # trials that come at once
ASKED = {"startRow": 0, "endRow": 100, "filterModel": {}, "sortModel": []}


def memory() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 10**6


def look(asking: Asking, version: object) -> object:
    """As a page does: what is new is drawn, and its rows are asked for."""
    told = answered(asking.look(version))
    if not told:
        return version
    found: object = told["version"]["data"]
    for name in PANELS:
        own = {"kind": "seen", "name": name}
        answered(asking.call(FIGURE, name, version_data=found, choices_data={}, seen_data=None, seen_id=own))
    answered(asking.call(ROWS, grid_getRowsRequest=ASKED, choices_data={}, selection_data=[]))
    return found


def spend(folder: Path, looks: int, arrivals: int) -> list[float]:
    asking, version, held = Asking({"run": RunView("run", folder)}), None, []
    for half in (range(looks // 2), range(looks // 2, looks)):
        for moment in half:
            if arrivals and half[0] == 0 and moment % (len(half) // arrivals) == 0:
                arrive(folder)
            version = look(asking, version)
        held.append(memory())
    return held


def arrive(folder: Path) -> None:
    with RunLock(folder), RunWriter(folder) as run:
        (row,) = run.rows("SELECT count(*) AS count FROM trials")
        with run.transaction():
            further = Planting(run, [TASK], row["count"])
            for number in range(PORTION):
                further.trial(TASK, 0.5 + 0.4 * (number % 7) / 7, genes={"hidden": 8 + number % 5})


def begin(folder: Path) -> None:
    with planting(folder, [TASK]) as run:
        run.trial(TASK, 0.5, genes={"hidden": 8})


if __name__ == "__main__":
    held = spend(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(" ".join(map(str, held)))
