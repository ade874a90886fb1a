"""The numbers that the project set out to reach, each beside what was measured; and what it found, in short."""

from __future__ import annotations

from typing import Any

Measured = dict[str, Any]  # section -> rows
COLUMNS = ("what", "peer", "to reach", "measured")


def summary(measured: Measured) -> list[dict[str, str]]:
    """One line for each number of the operator."""
    head = measured["fused"][0]
    larger = [row for row in measured["fused"] if row["h"] == 32 or row["N"] == 1024]
    longest = {row["causal"]: row for row in measured["sorted"] if row["N"] == 4096}
    grown = [row["growth exponent from 4096"] for row in measured["sorted"] if "growth exponent from 4096" in row]
    error = longest[True]["error of a local kernel"]
    rows = [
        ("fused CPU kernel, B 32 N 64 H 2 h 16 relu, causal", "eager torch", ">= 15x", f"{head['eager / fused']:.1f}x"),
        (
            "the same at h 32 / at N 1024",
            "eager torch",
            "",
            " / ".join(f"{row['eager / fused']:.0f}x" for row in larger),
        ),
        ("fused, extra memory at N 2048", "eager torch", "<= 1/16", f"1/{measured['memory'][0]['eager / fused']:.0f}"),
        (
            "sorted, N 4096 h 8, causal / not",
            "dense",
            ">= 50x",
            f"{longest[True]['dense / sorted']:.0f}x / {longest[False]['dense / sorted']:.0f}x",
        ),
        ("sorted, error of local kernels", "exact", "<= 1e-5", f"{error:.0e}" if error else "0"),
        ("sorted, growth exponent 4k to 64k", "", "<= 1.3", f"{max(grown):.2f}"),
    ]
    for row in measured["peers"]:
        rows.append((f"{row['plan']}: {row['case']}", "by hand", "<= 1.15x the time", f"{row['ours / peer']:.2f}x"))
    learned = measured["poisson"][0]
    rows.append(
        (
            "Green's function of Poisson's equation, at 1x / 4x resolution",
            "exact",
            "<= 2 %",
            f"{100 * learned['error at N = 64 (trained there)']:.1f} % / {100 * learned['error at N = 256']:.1f} %",
        )
    )
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def everything(measured: Measured) -> list[dict[str, str]]:
    """The operator's numbers, and those of training, searching and looking."""
    stack = {(row["genome"], row["B"], row["N"]): row["one by one / stacked"] for row in measured["stack"]}
    small = [ratio for (_, batch, length), ratio in stack.items() if (batch, length) == (8, 32)]
    overhead = {row["what"]: row for row in measured["overhead"]}
    many, demo = measured["many"][-1], measured["demo"]
    paint = {row["what"]: row for row in measured["paint"]}
    own = paint["itnas"]
    rows = [
        (
            "8 replicas stacked, B 8 N 32: all kinds of networks, least to most",
            "one after another",
            ">= 2x",
            f"{min(small):.1f}x to {max(small):.1f}x",
        ),
        (
            "overhead of a trial, Ray executor",
            "a Ray Tune function",
            ">= 10x lower",
            f"{overhead['Ray executor']['function / this']:.0f}x",
        ),
        ("overhead of a trial, inline", "", "<= 10 ms", f"{overhead['inline executor']['ms a trial']:.1f} ms"),
        (
            "10,000 trials that do nothing, driver's CPU per trial, the ask apart",
            "a bare Tuner",
            "<= 1.3x, flat",
            f"{many['ours / bare']:.2f}x",
        ),
        (
            "the demo's sweep, layers of itnas in both / plain torch layers in the peer",
            "plain Ray Tune and OptunaSearch",
            ">= 5x",
            " / ".join(f"{row['peer / ours']:.1f}x" for row in demo if "peer / ours" in row),
        ),
        (
            "dashboard, 10,000 trials, first useful paint",
            "optuna-dashboard",
            ">= 3x, <= 2 s",
            f"{own['optuna-dashboard / this']:.0f}x, {own['seconds']:.2f} s",
        ),
        (
            "searched genomes, test scores at equal parameters",
            "the best of six specialists",
            ">= on all",
            _not_below(measured),
        ),
        ("fused CUDA kernel", "eager torch / torch.compile", ">= 6x / >= 3x", "not measured: no GPU was at hand"),
    ]
    return [*summary(measured), *(dict(zip(COLUMNS, row, strict=True)) for row in rows)]


def found(measured: Measured) -> list[dict[str, Any]]:
    """The findings, one row a task: what some layer of at least a quarter of the networks became, in how many of them
    it emerged, and how good what was searched is."""
    rows = []
    for row in measured["searched_and_specialists"]:
        own = [_family(each) for each in measured["what_emerged"] if each["task"] == row["task"]]
        rows.append(
            {
                "task": row["task"],
                "some layer became": ", ".join(words for words, share in own if share >= 0.25) or "nothing",
                "searched": row["searched"],
                "best specialist": f"{row['its score']:.3g} ({row['specialist']})",
                "difference (95 %)": row["difference (95 %)"],
            }
        )
    return rows


def equals(measured: Measured) -> list[dict[str, Any]]:
    """Searched genomes beside all specialists with as many parameters: a row a task, with the difference to the one
    that is best there."""
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in measured["searched_at_equal_parameters"]:
        by_task.setdefault(row["task"], []).append(row)
    rows = []
    for task, own in by_task.items():
        best = max(own, key=lambda row: row["its score"])
        scores = {row["specialist"]: f"{row['its score']:.3g} ({row['95 %']})" for row in own}
        difference = f"{best['difference (95 %)']} ({best['specialist']})"
        about = {"task": task, "parameters": best["parameters"], "searched": best["searched"]}
        rows.append(about | scores | {"difference to the best (95 %)": difference})
    return rows


def _not_below(measured: Measured) -> str:
    """On how many tasks the whole interval of the difference is not below zero."""
    told = [row["difference to the best (95 %)"].rpartition(" (")[0] for row in equals(measured)]
    highest = [each.rpartition(" to ")[2] if " to " in each else each for each in told]
    return f"not below on {sum(not each.startswith('-') for each in highest)} of {len(told)} tasks"


def _family(row: dict[str, Any]) -> tuple[str, float]:
    """`attention in 14 of 16, emerged in 3`, and the share of the networks."""
    count, networks = (int(word) for word in row["networks"].split(" of "))
    told = "" if row["emerged"] is None else f" (emerged in {round(row['emerged'] * networks)})"
    return f"{row['family']} in {row['networks']}{told}", count / networks
