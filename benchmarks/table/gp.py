"""A Gaussian process over conditional parameters, as a sampler: what a sweep could have beside Parzen estimators.

k(x, y) = exp(-sum_d w_d |x_d - y_d|): parameters differ by 0 or 1 where they are choices, by their distance where they
are numbers, and by 1 where only one of the two has them. The weights w, one per parameter, and the noise are those of
largest marginal likelihood under a prior that prefers few parameters to matter. Of some hundred draws and of mutations
of the best, the one of largest expected improvement is proposed. Trials under way count as known points without a
score, which keeps others from their neighbourhood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study
from optuna.trial import TrialState
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri

from itnas.search.samplers.whole import Whole
from itnas.space import Choice, Domain, Space

STARTUP = 8  # uniform draws before the first fit
DRAWS, PARENTS, CHILDREN = 150, 5, 20  # candidates: draws, and mutations of the best few
MOST = 200  # points that are fitted: the best half of them, the others the latest
Floats = NDArray[np.float64]


class GaussianProcess(Whole):
    """Models scores by their ranks, for which any increasing function of them will do."""

    def draw(self, study: Study) -> Mapping[str, Any]:
        done = [trial for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if trial.params]
        if len({_key(trial.params) for trial in done}) < STARTUP:
            return self.space.sample(self.rng)
        scores = np.array([trial.values[0] for trial in done])
        chosen = _kept(scores)
        done, scores = [done[place] for place in chosen], scores[chosen]
        running = [trial.params for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))]
        known = [trial.params for trial in done]
        candidates = self._candidates(known, scores, {_key(each) for each in (*known, *running)})
        if not candidates:
            return self.space.sample(self.rng)
        model = Model(self.domains, known, _normal(scores))
        return candidates[int(np.argmax(model.improvement(candidates, [each for each in running if each])))]

    def _candidates(
        self, known: Sequence[Mapping[str, Any]], scores: Floats, tried: set[tuple[Any, ...]]
    ) -> list[Mapping[str, Any]]:
        """What has not been tried, each once."""
        best = [known[place] for place in np.argsort(-scores, kind="stable")[:PARENTS]]
        drawn = [self.space.sample(self.rng) for _ in range(DRAWS)]
        bred = [self.space.mutate(parent, self.rng) for parent in best for _ in range(CHILDREN)]
        found = {_key(each): each for each in (*bred, *drawn)}
        return [each for key, each in found.items() if key not in tried]


class Model:
    """The process, fitted to some points."""

    def __init__(self, domains: Mapping[str, Domain], points: Sequence[Mapping[str, Any]], values: Floats) -> None:
        self.domains, self.points, self.values = domains, points, values
        self.apart = self._apart(points, points)
        self.logs = self._fitted()

    def improvement(self, candidates: Sequence[Mapping[str, Any]], running: Sequence[Mapping[str, Any]]) -> Floats:
        """The expected improvement over the best value."""
        weights, noise = np.exp(self.logs[:-1]), np.exp(self.logs[-1])
        factor = np.linalg.cholesky(np.exp(-self.apart @ weights) + noise * np.eye(len(self.points)))
        across = np.exp(-self._apart(candidates, self.points) @ weights)
        mean = across @ cho_solve((factor, True), self.values)
        everyone = [*self.points, *running]
        whole = np.exp(-self._apart(everyone, everyone) @ weights) + noise * np.eye(len(everyone))
        reach = np.exp(-self._apart(everyone, candidates) @ weights)
        left = solve_triangular(np.linalg.cholesky(whole), reach, lower=True)
        deviation = np.sqrt(np.maximum(1.0 - (left**2).sum(0), 1e-12))
        gain = mean - self.values.max()
        z = gain / deviation
        return gain * ndtr(z) + deviation * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    def _fitted(self) -> Floats:
        """Logarithms of the weights, and of the noise."""
        count = self.apart.shape[2]
        start = np.append(np.full(count, np.log(0.3)), np.log(0.05))
        bounds = [(np.log(1e-3), np.log(10.0))] * count + [(np.log(1e-3), np.log(1.0))]
        found = minimize(self._objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30})
        return np.asarray(found.x)

    def _objective(self, logs: Floats) -> tuple[float, Floats]:
        """The negative logarithm of likelihood times prior, and its gradient."""
        weights, noise = np.exp(logs[:-1]), np.exp(logs[-1])
        plain = np.exp(-self.apart @ weights)
        factor = np.linalg.cholesky(plain + noise * np.eye(len(plain)))
        solved = cho_solve((factor, True), self.values)
        inverse = cho_solve((factor, True), np.eye(len(plain)))
        half = 0.5 * (inverse - np.outer(solved, solved))
        gradient = -np.einsum("ij,ijd->d", half * plain, self.apart) * weights
        value = 0.5 * self.values @ solved + np.log(np.diag(factor)).sum()
        apart = (logs - np.append(np.full(len(weights), np.log(0.3)), np.log(0.05))) / 1.5
        return float(value + 0.5 * (apart**2).sum()), np.append(gradient, noise * np.trace(half)) + apart / 1.5

    def _apart(self, left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]) -> Floats:
        """[left, right, parameters]."""
        found = np.empty((len(left), len(right), len(self.domains)))
        for place, (name, domain) in enumerate(self.domains.items()):
            a, b = (np.array([_number(domain, each, name) for each in side]) for side in (left, right))
            distance = np.abs(a[:, None] - b[None])
            there = np.isfinite(a)[:, None] & np.isfinite(b)[None]
            neither = np.isnan(a)[:, None] & np.isnan(b)[None]
            distance = np.where(there, (distance > 0) if isinstance(domain, Choice) else distance, 1.0)
            found[:, :, place] = np.where(neither, 0.0, distance)
        return found


def _number(domain: Domain, parameters: Mapping[str, Any], name: str) -> float:
    """A place in 0 to 1, or the number of an option; NaN where the parameter does not exist."""
    if name not in parameters:
        return float("nan")
    if isinstance(domain, Choice):
        return float(domain.labels.index(parameters[name]))
    low, high, value = float(domain.low), float(domain.high), float(parameters[name])
    if domain.log:
        low, high, value = np.log(low), np.log(high), np.log(value)
    return (value - low) / (high - low) if high > low else 0.0


def _normal(scores: Floats) -> Floats:
    """Normal quantiles of the ranks; equal scores share theirs."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    upper = np.cumsum(counts)
    return np.asarray(ndtri(((upper - counts / 2) / len(scores))[places]))


def _kept(scores: Floats) -> list[int]:
    """Places of the points that are fitted."""
    if len(scores) <= MOST:
        return list(range(len(scores)))
    best = np.argsort(-scores, kind="stable")[: MOST // 2].tolist()
    others = [place for place in range(len(scores)) if place not in set(best)]
    return sorted(best + others[-(MOST - len(best)) :])


def _key(parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(parameters.items()))


def make(space: Space, seed: int, _objectives: int) -> GaussianProcess:
    return GaussianProcess(space, seed)
