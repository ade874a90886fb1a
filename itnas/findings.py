"""What a sweep concludes for each task: which family its networks became, how sure that is, and beside what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from itnas.behaviour.agreement import ANYWHERE, Agreement, Observed, agreement_on, agreements
from itnas.ranking import best_searched, best_specialist, confirmed_scores

Row = dict[str, Any]
# What a task may be said to want. A layer that does nothing, or mixes nothing, says nothing of that kind.
MECHANISMS = ("convolution", "attention", "recurrence", "local", "dense")
NOT_SHOWN = "other"


def findings(
    tasks: Sequence[str],
    trials: Sequence[Row],
    confirmations: Sequence[Row],
    layers: Sequence[Row],
    early: Mapping[str, Sequence[Row]],
) -> list[dict[str, Any]]:
    """Rows for each task: first the families that some layer became, whichever it is; then layer by layer.

    They rest on the confirmed networks, fresh seeds of the best genomes, specialists apart; before there are any, on
    the networks that were examined while searching. Genomes are clusters. `early` has the rank correlations of each
    task's rungs (`itnas.rungs`).
    """
    return [row for task in tasks for row in _of_task(task, trials, confirmations, layers, early.get(task, ()))]


def _of_task(
    task: str, trials: Sequence[Row], confirmations: Sequence[Row], layers: Sequence[Row], early: Sequence[Row]
) -> list[dict[str, Any]]:
    own = [row for row in trials if row["task"] == task]
    basis, networks = _networks(task, layers)
    about = {"task": task} | _scores(own, confirmations) | _early(early) | {"basis": basis}
    told = [*_anywhere(networks), *_by_layer(networks)]
    return [about | _told(each, networks) for each in told] or [about | _nothing()]


def block_findings(tasks: Sequence[str], layers: Sequence[Row]) -> list[dict[str, Any]]:
    """The same of the blocks of layers on unions: what points take from others of their kind, and from each other kind.

    `block` says which: `image`, or `image -> question`. Of each block first the families that some layer's became, then
    layer by layer.
    """
    found = []
    for task in tasks:
        basis, networks = _networks(task, layers)
        for name in dict.fromkeys(_label(block) for own in networks.values() for row in own for block in _blocks(row)):
            own_blocks = {
                key: [row | block for row in own for block in _blocks(row) if _label(block) == name]
                for key, own in networks.items()
                if any(_label(block) == name for row in own for block in _blocks(row))
            }
            told = [*_anywhere(own_blocks), *_by_layer(own_blocks)]
            found += [{"task": task, "block": name, "basis": basis} | _told(each, own_blocks) for each in told]
    return found


def _blocks(layer: Row) -> Sequence[Row]:
    return layer.get("blocks") or ()


def _label(block: Row) -> str:
    return str(block["block"])


def _early(rungs: Sequence[Row]) -> dict[str, Any]:
    """What early scores told of the final ones, rung by rung; trials that reached a rung are the most at the first."""
    return {
        "rung_correlations": [row["correlation"] for row in rungs],
        "rung_trials": max((row["trials"] for row in rungs), default=0),
    }


def _networks(task: str, layers: Sequence[Row]) -> tuple[str | None, dict[tuple[int, int], list[Row]]]:
    """The layers of each network that counts, by trial and replica."""
    for basis, phase in (("confirmed", "confirm"), ("search", "search")):
        networks: dict[tuple[int, int], list[Row]] = defaultdict(list)
        for row in layers:
            if (row["task"], row["phase"], row["head"]) == (task, phase, None) and row["origin"] != "specialist":
                networks[row["trial"], row["replica"]].append(row)
        if networks:
            return basis, dict(networks)
    return None, {}


def _anywhere(networks: Mapping[tuple[int, int], Sequence[Row]]) -> list[Agreement]:
    """Families that some layer of a network became: those that emerged in most networks first."""
    shown = {key: {row["family"] for row in own} for key, own in networks.items()}
    seen = [family for family in MECHANISMS if any(family in each for each in shown.values())]
    observed = {
        family: [
            Observed(own[0]["genome"], ANYWHERE, family if family in shown[key] else NOT_SHOWN, _copies(own, family))
            for key, own in networks.items()
        ]
        for family in seen
    }
    found = agreement_on(seen, observed)
    return sorted(found, key=lambda each: (-len(_emerged(each, networks)), -each.share))


def _copies(layers: Sequence[Row], family: str) -> tuple[str, ...]:
    """For each untrained copy of a network, whether some layer shows the family."""
    by_copy = zip(*(row.get("untrained") or [] for row in layers), strict=False)
    return tuple(family if family in copy else NOT_SHOWN for copy in by_copy)


def _by_layer(networks: Mapping[tuple[int, int], Sequence[Row]]) -> list[Agreement]:
    return agreements(
        Observed(row["genome"], row["layer"], row["family"], tuple(row.get("untrained") or ()))
        for own in networks.values()
        for row in own
    )


def _emerged(found: Agreement, networks: Mapping[tuple[int, int], Sequence[Row]]) -> set[tuple[int, int]]:
    """The networks in which the family emerged: no untrained copy shows it, or comes near."""
    return {
        key
        for key, own in networks.items()
        for row in own
        if row["family"] == found.family and row.get("emerged") and found.layer in (ANYWHERE, row["layer"])
    }


def _emerged_share(found: Agreement, networks: Mapping[tuple[int, int], Sequence[Row]]) -> float | None:
    """None where no untrained copies were looked at: then nobody knows what emerged."""
    if found.null is None:
        return None
    return len(_emerged(found, networks)) / found.networks


def _told(found: Agreement, networks: Mapping[tuple[int, int], Sequence[Row]]) -> dict[str, Any]:
    return {
        "layer": None if found.layer == ANYWHERE else found.layer,
        "family": found.family,
        "share": found.share,
        "low": found.low,
        "high": found.high,
        "count": found.count,
        "networks": found.networks,
        "genomes": found.genomes,
        "emerged": _emerged_share(found, networks),
        "null": found.null,
        "p": found.p,
        "sentence": found.sentence(),
    }


def _nothing() -> dict[str, Any]:
    """No network has been examined."""
    names = ("layer", "family", "share", "low", "high", "null", "p", "emerged")
    counts = {"count": 0, "networks": 0, "genomes": 0}
    return dict.fromkeys(names) | counts | {"sentence": "no network has been examined yet"}


def _scores(trials: Sequence[Row], confirmations: Sequence[Row]) -> dict[str, Any]:
    """The best genome and the best specialist, and how the search did beside chance proposals."""
    complete = [row for row in trials if row["state"] == "complete" and row["score"] is not None]
    confirmed = {row["trial"]: row for row in confirmations if row["state"] == "complete" and row["score"] is not None}
    scores = confirmed_scores(confirmations)
    best, special = best_searched(trials, scores), best_specialist(trials, scores)
    random, sampled, count = at_equal_count(trials)
    return {
        "trials": len(complete),
        "best_trial": None if best is None else best["number"],
        "score": None if best is None else best["score"],
        "score_low": None if best is None else best["score_low"],
        "score_high": None if best is None else best["score_high"],
        "test_score": _confirmed(best, confirmed, "test_score"),
        "test_low": _confirmed(best, confirmed, "test_low"),
        "test_high": _confirmed(best, confirmed, "test_high"),
        "specialist": None if special is None else special["name"],
        "specialist_score": None if special is None else special["score"],
        "specialist_test_score": _confirmed(special, confirmed, "test_score"),
        "random_score": random,
        "sampler_score": sampled,
        "equal_trials": count,
    }


def _confirmed(row: Mapping[str, Any] | None, confirmed: Mapping[int, Row], name: str) -> float | None:
    return confirmed[row["number"]][name] if row is not None and row["number"] in confirmed else None


def at_equal_count(trials: Sequence[Row]) -> tuple[float | None, float | None, int]:
    """The best score of the random arm, that of as many of the sampler's proposals (the mean over all ways to pick
    them), and how many that is. Trials that were stopped or failed count as the worst of those that ended."""
    ended = [row for row in trials if row["state"] in ("complete", "pruned", "failed")]
    random = [row["score"] for row in ended if row["origin"] == "random"]
    sampled = [row["score"] for row in ended if row["origin"] == "sampler"]
    count = min(len(random), len(sampled))
    if not count:
        return None, None, 0
    worst = min((score for score in (*random, *sampled) if score is not None), default=None)
    return _expected_best(random, count, worst), _expected_best(sampled, count, worst), count


def _expected_best(scores: Sequence[float | None], count: int, worst: float | None) -> float | None:
    """None where none of them has a score."""
    if worst is None or all(score is None for score in scores):
        return None
    return expected_best([worst if score is None else score for score in scores], count)


def expected_best(scores: Iterable[float], count: int) -> float:
    """The mean, over all `count` of the scores, of the best among them."""
    ranked = sorted(scores, reverse=True)
    total, found = len(ranked), 0.0
    chosen = count / total  # that the best of them is this one: C(total - place - 1, count - 1) / C(total, count)
    for place, score in enumerate(ranked):
        if chosen <= 0:
            break
        found += chosen * score
        chosen *= (total - place - count) / max(total - place - 1, 1)
    return found
