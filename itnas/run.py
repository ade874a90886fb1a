"""`itnas.Run`: what a sweep's folder holds, as tables. It can be read while the sweep runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from itnas.findings import block_findings, findings
from itnas.genome import Genome
from itnas.pareto import pareto_front
from itnas.ranking import best_searched, best_specialist, confirmed_scores
from itnas.rungs import UNSTOPPED, rung_correlations
from itnas.shown import typed
from itnas.store import RunError, RunReader, placed

if TYPE_CHECKING:
    import pandas as pd

    from itnas.plots import Plots


class Run:
    """A run folder, to be looked at."""

    def __init__(self, folder: str | Path) -> None:
        self.reader = RunReader(folder)
        self.folder = self.reader.folder

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def plot(self) -> Plots:
        """Figures: `run.plot.emergence()`, and so on."""
        from itnas.plots import Plots

        return Plots(self)

    @property
    def settings(self) -> dict[str, Any]:
        """What the sweep was asked to do."""
        found: dict[str, Any] = self.reader.sweep()["settings"]
        return found

    @property
    def tasks(self) -> list[str]:
        return list(self.settings["tasks"])

    def trials(self, task: str | None = None) -> pd.DataFrame:
        """One row per trial, running and failed ones included: all, or those on a task."""
        return _frame(self.reader.trials(None if task is None else self.named(task)))

    def layers(self) -> pd.DataFrame:
        """One row per layer, and per head below it, of every network that was cross-examined."""
        return _frame([_without_blocks(row) for row in self.reader.layers()])

    def blocks(self) -> pd.DataFrame:
        """One row per block of every layer whose points are of several kinds."""
        rows = self.reader.layers()
        return _frame([_without_blocks(row) | _without_blocks(each) for row in rows for each in row.get("blocks", [])])

    def genes(self, task: str | None = None) -> pd.DataFrame:
        """What the space's parameters were in each proposal, by trial; missing where a branch was not taken."""
        import pandas as pd

        own = self.named(task)
        asked = [row for row in self.reader.events() if row["kind"] == "ask" and row["task"] == own]
        found = {row["trial"]: row["data"].get("parameters") for row in asked if row["trial"] is not None}
        known = {trial: each for trial, each in found.items() if each}
        return pd.DataFrame(list(known.values()), index=pd.Index(list(known), name="number", dtype="int64"))

    def replicas(self) -> pd.DataFrame:
        """One row per replica of every trial that was trained to its end."""
        return _frame(self.reader.replicas())

    def history(self) -> pd.DataFrame:
        """One row per rung and replica."""
        return _frame(self.reader.history())

    def confirmations(self) -> pd.DataFrame:
        """One row per genome that was trained again on fresh seeds."""
        return _frame(self.reader.confirmations())

    def findings(self) -> pd.DataFrame:
        """What the sweep concludes for each task."""
        return _frame(self.finding_rows())

    def finding_rows(self) -> list[dict[str, Any]]:
        reader = self.reader
        trials = reader.trials()
        replicas, history = reader.replicas(origins=UNSTOPPED), reader.history(origins=UNSTOPPED)
        early = {task: rung_correlations(task, trials, replicas, history) for task in self.tasks}
        return findings(self.tasks, trials, reader.confirmations(), reader.layers(), early)

    def block_findings(self) -> pd.DataFrame:
        """The same of the blocks of layers whose points are of several kinds: image, image -> question, ..."""
        return _frame(self.block_finding_rows())

    def block_finding_rows(self) -> list[dict[str, Any]]:
        return block_findings(self.tasks, self.reader.layers())

    def best(self, task: str | None = None) -> Genome:
        """The best genome of a task, as `best_trial` has it."""
        return Genome.from_dict(self.reader.genome(self.reader.trial(self.best_trial(task))["genome"]))

    def best_trial(self, task: str | None = None) -> int:
        """The number of the trial whose genome is the best: of what was searched, and a specialist only where nothing
        else is complete. Those that were trained again on fresh seeds go before the others."""
        own = self.named(task)
        trials, confirmed = self.reader.trials(own), confirmed_scores(self.reader.confirmations())
        best = best_searched(trials, confirmed) or best_specialist(trials, confirmed)
        if best is None:
            where = typed(self.folder)
            raise RunError(
                f"{self.folder}: no trial on {own} is complete yet: see `itnas status {where}`, and go on with "
                f"`itnas resume {where}`"
            )
        return int(best["number"])

    def pareto(self, task: str | None = None) -> pd.DataFrame:
        """The complete trials of a task that no other beats in score and in cost at once, the best first."""
        return _frame(pareto_front(self.reader.trials(self.named(task))))

    def rung_correlations(self, task: str | None = None) -> pd.DataFrame:
        """How far early scores can be trusted: the rank correlation between each rung's score and the final one, over
        the trials that nothing could stop early (specialists and the random arm)."""
        return _frame(self._correlations(self.named(task)))

    def _correlations(self, task: str) -> list[dict[str, Any]]:
        reader = self.reader
        replicas, history = reader.replicas(origins=UNSTOPPED), reader.history(origins=UNSTOPPED)
        return rung_correlations(task, reader.trials(task), replicas, history)

    def networks(self, trial: int) -> Path:
        """The folder with a trial's networks: the confirmed ones, else those of the search."""
        self.reader.trial(trial)
        kept = self.kept(trial)
        if "weights" not in kept:
            raise self.reader.not_kept(trial, "weights")
        return placed(self.folder, kept["weights"])

    def kept(self, trial: int) -> dict[str, str]:
        """Where the "weights" and "kernels" of a trial are, in the run's folder: confirmed ones go before others."""
        rows = [row for row in self.reader.kept() if row["trial"] == trial]
        return {row["what"]: row["path"] for row in sorted(rows, key=lambda row: row["phase"] == "confirm")}

    def named(self, task: str | None) -> str:
        """The task of this name; the only one, where none is named."""
        if task is None and len(self.tasks) == 1:
            return self.tasks[0]
        if task not in self.tasks:
            asked = "name a task" if task is None else f"no task {task!r}"
            raise RunError(f"{self.folder}: {asked}: the run has {', '.join(self.tasks)}")
        return task


def _without_blocks(row: dict[str, Any]) -> dict[str, Any]:
    return {name: cell for name, cell in row.items() if name != "blocks"}


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)
