"""`run.plot`: the figures of a run, for notebooks. Each is a plotly figure; none needs a dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from itnas.run import Run


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

        rows = self.run.layers()
        if len(rows):
            scores = self.run.trials().set_index("number")["score"]
            rows = rows[rows["head"].isna()].assign(score=lambda own: own["trial"].map(scores))
            rows = rows if task is None else rows[rows["task"] == task]
        return triangle.draw(triangle.prepare(rows))

    def scores(self, task: str | None = None) -> go.Figure:
        """Scores in the order in which trials were asked for."""
        from itnas.figures import scores

        return scores.draw(scores.prepare(self._trials(task)))

    def anytime(self, task: str | None = None) -> go.Figure:
        """The best score so far, beside the random arm's."""
        from itnas.figures import anytime

        return anytime.draw(anytime.prepare(self._trials(task)))

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

        return timeline.draw(timeline.prepare(self.run.trials()))

    def kernel(self, trial: int, layer: int = 0, head: int = 0, sample: int | None = None) -> go.Figure:
        """A kernel: the mean over samples, or one sample's."""
        from itnas.figures.kernels import heatmap

        replica, file = self._kernels(trial)
        name = "averaged" if sample is None else "examples"
        found = file.array(replica, layer, name)
        chosen = found if found is None or sample is None else found[sample]
        if chosen is None or not 0 <= head < len(chosen):
            raise ValueError(f"trial {trial} has no kernel of head {head} in layer {layer}")
        return heatmap.draw(heatmap.prepare(chosen[head], file.array(replica, layer, "shown")))

    def fidelity(self, trial: int, layer: int = 0) -> go.Figure:
        """What each family's nearest kernel keeps, by budget."""
        from itnas.figures.kernels import fidelity

        replica, file = self._kernels(trial)
        return fidelity.draw(fidelity.prepare(file.curves(replica, layer)))

    def _kernels(self, trial: int) -> tuple[int, Any]:
        from itnas.store import RunError
        from itnas.store.kernels import KernelFile

        kept = self.run.kept(trial)
        if "kernels" not in kept:
            raise RunError(f"{self.run.folder}: the kernels of trial {trial} were not kept")
        file = KernelFile.read(self.run.folder / kept["kernels"])
        return file.replicas()[0], file

    def _trials(self, task: str | None) -> pd.DataFrame:
        return self.run.trials(self.run.named(task))

    def _genes(self, task: str | None) -> pd.DataFrame:
        return self.run.genes(task)
