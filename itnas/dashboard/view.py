"""One run as pages see it: tables that are read when they are asked for, and kept until the run changes."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from itnas.dashboard.choices import Choices, handle
from itnas.dashboard.verdicts import checked
from itnas.findings import block_findings, findings
from itnas.genome import Genome
from itnas.ranking import best_of, confirmed_scores, ranked
from itnas.rungs import UNSTOPPED, rung_correlations
from itnas.store import RunError, placed
from itnas.store.follow import Follower
from itnas.store.lock import driven
from itnas.store.summary import summarise

if TYPE_CHECKING:
    import pandas as pd

    from itnas.store.kernels import KernelFile

Found = TypeVar("Found")
CORNERS = ("convolution", "attention", "recurrence")
MOST_EXAMINED = 20_000  # layers that the triangle looks at


class RunView:
    """Tables of a run, as they were at the last look. Threads may share it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.follower = Follower(folder)
        self.reader = self.follower.reader
        self._kept: dict[Any, Any] = {}
        self._lock = threading.RLock()
        self._version = -1
        self._tasks: list[str] = []

    @property
    def version(self) -> int:
        return self.follower.version

    def fingerprint(self, choices: Choices, needs: Sequence[str]) -> str:
        """What a figure or a block follows from that needs these words of the choices: while it stays the same, so do
        they."""
        told = (self.task(choices) if word == "task" else choices[word] for word in needs)
        return "\n".join([self.name, str(self.version), *told])

    @property
    def settings(self) -> dict[str, Any]:
        """Extending a run changes them."""

        def make() -> dict[str, Any]:
            found: dict[str, Any] = self.reader.sweep()["settings"]
            return found

        return self._once("settings", make)

    @property
    def tasks(self) -> list[str]:
        """Extending a run may add some; of a run that is gone, those that it had."""

        def make() -> list[str]:
            try:
                self._tasks = self.settings["tasks"]
            except (RunError, OSError):
                if not self._tasks:
                    raise
            return self._tasks

        return list(self._once("tasks", make))

    def task(self, choices: Choices) -> str:
        """That of the trial that was chosen, else the task that was, else the first."""
        if (trial := choices.number("trial")) in self.follower:
            found = self.trials()
            return str(found.loc[found["number"] == trial, "task"].iloc[0])
        return next((task for task in self.tasks if handle(task) == choices["task"]), self.tasks[0])

    def has_task(self, choices: Choices) -> bool:
        """Whether there is the task that was chosen, or that of the trial that was."""
        return choices.number("trial") in self.follower or choices["task"] in map(handle, self.tasks)

    def _once(self, key: Any, make: Callable[[], Found]) -> Found:
        """What was found out since the run last changed is not found out again."""
        with self._lock:
            if self._version != self.version:
                self._kept.clear()
                self._version = self.version
            if key not in self._kept:
                self._kept[key] = make()
            found: Found = self._kept[key]
            return found

    def trials(self, task: str | None = None) -> pd.DataFrame:
        found = self.follower.trials()
        return found if task is None else self._once(("trials", task), lambda: found[found["task"] == task])

    def genes(self, task: str) -> pd.DataFrame:
        """Of the task's trials; columns that none of them has are left out."""

        def make() -> pd.DataFrame:
            found = self.follower.genes()
            own = found.loc[found.index.isin(self.trials(task)["number"])]
            return own.dropna(axis=1, how="all")

        return self._once(("genes", task), make)

    def summary(self) -> dict[str, Any]:
        """How the sweep stands; whether a driver is at work is asked again each time, and the tables only then."""
        return self._once(("summary", driven(self.reader.folder)), lambda: summarise(self.reader))

    def findings(self) -> pd.DataFrame:
        import pandas as pd

        return self._once("findings", lambda: pd.DataFrame(self.finding_rows()))

    def finding_rows(self) -> list[dict[str, Any]]:
        return self._once("finding rows", self._found)

    def _found(self) -> list[dict[str, Any]]:
        reader, rows = self.reader, _rows(self.follower.trials())
        replicas, history = reader.replicas(origins=UNSTOPPED), reader.history(origins=UNSTOPPED)
        early = {task: rung_correlations(task, rows, replicas, history) for task in self.tasks}
        return findings(self.tasks, rows, self.follower.confirmations(), self.examined(), early)

    def block_finding_rows(self) -> list[dict[str, Any]]:
        return self._once("block finding rows", lambda: block_findings(self.tasks, self.examined()))

    def examined(self) -> list[dict[str, Any]]:
        """The rows of layers that findings rest on: of a task's confirmed networks, else of those of its search."""

        def make() -> list[dict[str, Any]]:
            rows = self.reader.layers("confirm")
            # Specialists are confirmed too, but no finding rests on them.
            known = {row["task"] for row in rows if row["origin"] != "specialist"}
            if not known >= set(self.tasks):
                rows += [row for row in self.reader.layers("search") if row["task"] not in known]
            return checked(rows, self.reader.path)

        return self._once("examined", make)

    def layer_frame(self) -> pd.DataFrame:
        import pandas as pd

        return self._once("layer frame", lambda: pd.DataFrame(self.examined()))

    def corners(self) -> pd.DataFrame:
        """How far each examined layer is which mechanism, with the score of its trial; of very many, the latest."""
        import pandas as pd

        def make() -> pd.DataFrame:
            parts = ", ".join(f"json_extract(l.data, '$.fidelity_{name}') AS fidelity_{name}" for name in CORNERS)
            rows = self.reader.rows(
                f"SELECT l.trial, t.task, t.score, l.layer, l.family, {parts} FROM layers l JOIN trials t "
                "ON t.number = l.trial WHERE l.head = -1 ORDER BY l.trial DESC, l.phase, l.replica LIMIT ?",
                MOST_EXAMINED,
            )
            names = ["trial", "task", "score", "layer", "family", *(f"fidelity_{name}" for name in CORNERS)]
            return pd.DataFrame(rows, columns=names)

        return self._once("corners", make)

    def trial(self, number: int) -> dict[str, Any]:
        return self.reader.trial(number)

    def chosen_trial(self, choices: Choices) -> int | None:
        """The trial that was chosen, if there is one of that number; else the best of the task."""
        number = choices.number("trial")
        if number is not None and number in self.follower:
            return number
        return self.best_trial(self.task(choices))

    def best_trial(self, task: str) -> int | None:
        """Of what was searched; where there is nothing else, a specialist."""
        own = self.trials(task)
        searched = self.best_of(own[own["origin"] != "specialist"])
        return self.best_of(own) if searched is None else searched

    def best_of(self, rows: pd.DataFrame) -> int | None:
        """By the rule of `itnas.ranking`, which is too slow for very many rows: all but the confirmed and the foremost
        of the others are left out first."""
        ended = rows[(rows["state"] == "complete") & rows["score"].notna()]
        confirmed = confirmed_scores(self.follower.confirmations())
        fresh = ended[ended["number"].isin(list(confirmed))]
        foremost = ended.sort_values(["score", "parameters", "number"], ascending=[False, True, True]).head(1)
        best = best_of(_rows(fresh if len(fresh) else foremost), confirmed)
        return None if best is None else int(best["number"])

    def genome(self, trial: int) -> Genome:
        return Genome.from_dict(self.reader.genome(self.trial(trial)["genome"]))

    def layers_of(self, trial: int) -> list[dict[str, Any]]:
        """Verdicts on a trial's networks, confirmed ones first."""
        return self._once(("layers of", trial), lambda: checked(self.reader.layers(trial=trial), self.reader.path))

    def kernels(self, trial: int) -> KernelFile | None:
        """The stored kernels of a trial; None where none were kept."""
        from itnas.store.kernels import KernelFile

        def make() -> KernelFile | None:
            rows = [row for row in self.reader.kept() if row["trial"] == trial and row["what"] == "kernels"]
            if not rows:
                return None
            row = max(rows, key=lambda row: row["phase"] == "confirm")
            return KernelFile.read(placed(self.reader.folder, row["path"]))

        return self._once(("kernels", trial), make)

    def kernel_trial(self, choices: Choices) -> int | None:
        """The trial whose kernels are shown: the chosen one, else the best whose kernels were kept."""
        chosen = choices.number("trial")
        if chosen is not None and chosen in self.follower:
            return chosen
        return next(iter(self.with_kernels(self.task(choices))), None)

    def levels(self, task: str) -> tuple[float | None, float | None]:
        """Chance and ceiling of a task, as far as they are known."""
        return self._once(("levels", task), lambda: self.reader.levels(task))

    def importance(self, task: str) -> pd.DataFrame:
        from itnas.figures.importance import importance

        return self._once(("importance", task), lambda: importance(self.trials(task), self.genes(task)))

    def gene(self, choices: Choices) -> str | None:
        """The gene that was chosen, else the one that matters most."""
        task = self.task(choices)
        names = [str(name) for name in self.genes(task).columns]
        chosen = next((name for name in names if handle(name) == choices["gene"]), None)
        if chosen is not None:
            return chosen
        ranked = self.importance(task)
        return str(ranked["gene"].iloc[0]) if len(ranked) else next(iter(names), None)

    def training_rows(self, trial: int) -> pd.DataFrame:
        """Loss and score of every replica by rung, as learning curves want them."""
        import pandas as pd

        about = {row["replica"]: row for row in self.reader.replicas(trial=trial) if row["phase"] == "search"}
        rows = [
            {
                "replica": row["replica"],
                "seed": about.get(row["replica"], {}).get("seed", row["replica"]),
                "learning_rate": about.get(row["replica"], {}).get("learning_rate", math.nan),
                "step": row["step"],
                "loss": math.nan if row["loss"] is None else row["loss"],
                "score": math.nan if row["score"] is None else row["score"],
                "alive": row["loss"] is not None,
            }
            for row in self.reader.history(trial=trial)
            if row["phase"] == "search"
        ]
        return pd.DataFrame(rows)

    def log(self, trial: int) -> list[dict[str, Any]]:
        return self.reader.rows("SELECT phase, attempt, text FROM logs WHERE trial = ? ORDER BY phase, attempt", trial)

    def with_kernels(self, task: str) -> list[int]:
        """The trials of a task whose kernels were kept, the best first: what was searched, specialists, and what is not
        complete."""
        own = self.trials(task)
        rows = _rows(own[own["number"].isin(self.reader.keeping("kernels"))])
        confirmed = confirmed_scores(self.follower.confirmations())
        searched = [row for row in rows if row["origin"] != "specialist"]
        specialists = [row for row in rows if row["origin"] == "specialist"]
        listed = [*ranked(searched, confirmed), *ranked(specialists, confirmed), *rows]
        return list(dict.fromkeys(int(row["number"]) for row in listed))


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): _none(cell) for name, cell in row.items()} for row in frame.to_dict("records")]


def _none(cell: Any) -> Any:
    return None if isinstance(cell, float) and cell != cell else cell
