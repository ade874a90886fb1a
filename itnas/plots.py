"""`run.plot`: the figures of a run, for notebooks. Each is a plotly figure; none needs a dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from itnas.store import RunError, placed

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from itnas.run import Run
    from itnas.store.kernels import KernelFile


class Plots:
    """One method for each figure. Where a run has several tasks, those of one task want its name."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __repr__(self) -> str:
        names = ", ".join(name for name in vars(type(self)) if not name.startswith("_"))
        return f"Plots of {self.run!r}: {names}"

    def emergence(self) -> go.Figure:
        """What each layer became on each task, in how many networks."""
        from itnas.figures import emergence

        return emergence.draw(emergence.prepare(self.run.findings(), self.run.layers()))

    def triangle(self, task: str | None = None) -> go.Figure:
        """How far each examined layer is a convolution, attention or a recurrence."""
        from itnas.figures import triangle

        own, rows = None if task is None else self.run.named(task), self.run.layers()
        if len(rows):
            scores = self.run.trials().set_index("number")["score"]
            rows = rows[rows["head"].isna()].assign(score=lambda each: each["trial"].map(scores))
            rows = rows if own is None else rows[rows["task"] == own]
        return triangle.draw(triangle.prepare(rows))

    def scores(self, task: str | None = None) -> go.Figure:
        """Scores in the order in which trials were asked for."""
        from itnas.figures import scores

        return scores.draw(scores.prepare(self._trials(task)))

    def anytime(self, task: str | None = None) -> go.Figure:
        """The best score so far, beside the random arm's."""
        from itnas.figures import anytime

        levels = self.run.reader.levels(self.run.named(task))
        return anytime.draw(anytime.prepare(self._trials(task), *levels))

    def pareto(self, task: str | None = None, cost: str = "parameters") -> go.Figure:
        """Score and cost (parameters, flops, seconds), with the front."""
        from itnas.figures import pareto

        return pareto.draw(pareto.prepare(self._trials(task), cost))

    def parallel(self, task: str | None = None) -> go.Figure:
        """All genes and the score side by side."""
        from itnas.figures import parallel
        from itnas.figures.importance import importance

        trials, genes = self._trials(task), self._genes(task)
        return parallel.draw(parallel.prepare(trials, genes, importance(trials, genes)))

    def importance(self, task: str | None = None) -> go.Figure:
        """Which genes matter."""
        from itnas.figures import importance

        return importance.draw(importance.prepare(self._trials(task), self._genes(task)))

    def gene(self, gene: str, task: str | None = None) -> go.Figure:
        """Scores by the values of one gene."""
        from itnas.figures import gene_scores
        from itnas.registry import check_choice

        genes = self._genes(task)
        check_choice("gene", gene, [str(name) for name in genes.columns])
        return gene_scores.draw(gene_scores.prepare(self._trials(task), genes, gene))

    def timeline(self) -> go.Figure:
        """What each worker did when."""
        from itnas.figures import timeline

        return timeline.draw(timeline.prepare(self.run.trials(), self.run.reader.now()))

    def kernel(self, trial: int, layer: int = 0, head: int = 0, sample: int | None = None) -> go.Figure:
        """A kernel: the mean over samples, or that of one of the stored examples, counted from 0."""
        from itnas.figures.kernels import heatmap

        replica, file = self._kernels(trial)
        self._check(trial, "kernel of layer", layer, file.layers(replica))
        found = file.array(replica, layer, "averaged" if sample is None else "examples")
        kernels: Any = () if found is None else found
        if sample is not None:
            self._check(trial, "kernel of example", sample, range(len(kernels)))
            kernels = kernels[sample]
        self._check(trial, "kernel of head", head, range(len(kernels)))
        shown, about = file.array(replica, layer, "shown"), file.about(replica, layer)
        return heatmap.draw(heatmap.prepare(kernels[head], shown, parts=about.get("parts")))

    def fidelity(self, trial: int, layer: int = 0) -> go.Figure:
        """What each family's nearest kernel keeps, by budget."""
        from itnas.figures.kernels import fidelity

        replica, file = self._kernels(trial)
        examined = [number for own, number in file.examined() if own == replica]
        self._check(trial, "fidelity of layer", layer, examined)
        return fidelity.draw(fidelity.prepare(file.curves(replica, layer)))

    def _kernels(self, trial: int) -> tuple[int, KernelFile]:
        """A trial's stored kernels, and the replica of it that is drawn."""
        from itnas.store.kernels import KernelFile

        self.run.reader.trial(trial)
        kept = self.run.kept(trial)
        if "kernels" not in kept:
            raise self.run.reader.not_kept(trial, "kernels")
        file = KernelFile.read(placed(self.run.folder, kept["kernels"]))
        replicas = file.replicas()
        if not replicas:
            raise RunError(f"{file.path}: there are no kernels in it")
        return replicas[0], file

    def _check(self, trial: int, what: str, asked: int, known: Sequence[int]) -> None:
        """Refuse what is not among the trial's stored kernels, and say what is."""
        if asked not in known:
            there = f"there are {', '.join(map(str, known))}" if known else "there are none"
            raise RunError(f"{self.run.folder}: trial {trial} has no {what} {asked}: {there}")

    def _trials(self, task: str | None) -> pd.DataFrame:
        return self.run.trials(self.run.named(task))

    def _genes(self, task: str | None) -> pd.DataFrame:
        return self.run.genes(task)
