"""The model card of an exported network: what it is, what it scored, what its layers became, how to load it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from itnas.export.source import Source
from itnas.figures.kernels import thumbnail
from itnas.files import document_text
from itnas.models import Network
from itnas.store import placed
from itnas.store.kernels import KernelFile

MOST_PICTURES = 64
NAME = re.compile(r"kernels/layer-(\d+)-head-(\d+)\.png")


def card(source: Source, network: Network, pictures: Sequence[str]) -> str:
    """README.md, with the head that the Hub reads."""
    told = source.provenance
    head = {
        "library_name": "itnas",
        "tags": ["itnas", "integral-transform", "neural-architecture-search", _tag(source.task.name)],
        "metrics": [source.task.metric],
    }
    parts = [
        f"---\n{document_text(head)}---",
        f"# {_plain(source.task.label)}: an integral-transform network",
        f"Found by a neural architecture search with itnas. "
        f"{_parameters(network):,} parameters, genome `{source.genome.hash}`. {_plain(source.task.summary)}",
        "## Scores",
        _scores(told, source),
        *_verdicts(told),
        *_crystallised(told),
        *_shown(pictures),
        "## Use",
        f"```python\nimport itnas\n\nnetwork = itnas.load({_where(source)})  # this folder\n"
        f'batch = itnas.task("{_plain(source.task.label)}").batch("test", size=4)\n'
        "outputs = network(batch.inputs, batch.domain)\n```",
        "## Train it again",
        f"```sh\n{_plain(told.get('command', ''))}\n```",
        *_origin(told),
    ]
    return "\n\n".join(parts) + "\n"


def _where(source: Source) -> str:
    """A task of somebody's own has to be named: no file says what code to run."""
    own = f', task="{_plain(source.task.label)}"' if ":" in source.task.label else ""
    return f'"."{own}'


def pictures(source: Source) -> dict[str, bytes]:
    """The averaged kernel of every layer and head of the exported network, where the run kept it."""
    if source.run is None or source.trial is None:
        return {}
    kept = source.run.kept(source.trial).get("kernels")
    if kept is None:
        return {}
    file, found = KernelFile.read(placed(source.run.folder, kept)), dict[str, bytes]()
    replica = source.provenance.get("replica", 0)
    if replica not in file.replicas():
        return {}
    for layer in file.layers(replica):
        averaged = file.array(replica, layer, "averaged")
        for head, kernel in enumerate(() if averaged is None else averaged):
            if len(found) < MOST_PICTURES:
                found[f"kernels/layer-{layer + 1}-head-{head + 1}.png"] = _picture(kernel)
    return found


def _picture(kernel: Any) -> bytes:
    """As in the dashboard, four pixels for each entry of small kernels."""
    grown = np.kron(np.asarray(kernel, dtype=np.float32), np.ones((2, 2), np.float32)) if len(kernel) <= 32 else kernel
    return base64.b64decode(thumbnail.data_uri(grown).partition(",")[2])


def _scores(told: Mapping[str, Any], source: Source) -> str:
    rows = [("validation", told.get("score")), ("test", told.get("test_score"))]
    lines = [f"| {source.task.metric} | mean | 95 % interval | seeds |", "|---|---|---|---|"]
    for name, each in rows:
        if each:
            low, high = each.get("low"), each.get("high")
            interval = "" if low is None or high is None else f"{low:.4f} to {high:.4f}"
            lines.append(f"| {name} | {each['mean']:.4f} | {interval} | {each['replicas']} |")
    chance, ceiling = told.get("chance"), told.get("ceiling")
    levels = [f"chance {chance:.4g}" if chance is not None else "", f"ceiling {ceiling:.4g}" if ceiling else ""]
    about = f"Scores of {told['score_of']}. " if told.get("score_of") else ""
    return "\n".join(lines) + f"\n\n{about}{', '.join(filter(None, levels)).capitalize()}."


def _verdicts(told: Mapping[str, Any]) -> list[str]:
    replica = told.get("replica")
    own = [each for each in told.get("verdicts", ()) if each["replica"] == replica]
    if not own:
        return []
    lines = "\n".join(f"- {_plain(each['sentence'] or each['family'])}" for each in own)
    found = "\n".join(f"- {_finding(each)}" for each in told.get("findings", ()))
    return [
        "## What its layers became",
        lines,
        *(["Over all networks of the sweep's best genomes:", found] if found else []),
    ]


def _finding(row: Mapping[str, Any]) -> str:
    where = "some layer" if row["layer"] is None else f"layer {int(row['layer']) + 1}"
    return f"{where}: {_plain(row['sentence'])}"


def _crystallised(told: Mapping[str, Any]) -> list[str]:
    """What stands in for each layer of a crystallised network, and what it kept."""
    about = told.get("crystallised")
    if not about:
        return []
    rows = ["| layer | verdict | now | R² beside the layer | |", "|---|---|---|---|---|"]
    for each in about["layers"]:
        agrees = "" if each["agrees"] is None else f"{each['agrees']:.3f}"
        why = _plain(each["why"]) if each["agrees"] is None else ""
        rows.append(f"| {each['layer'] + 1} | {each['family']} | {each['became']} | {agrees} | {why} |")
    scores = f"{about['score_before']:.4f} before, {about['score_after']:.4f} after"
    return ["## Crystallised", "\n".join(rows), f"Validation score {scores}; the scores above are of before."]


def _shown(pictures: Sequence[str]) -> list[str]:
    """One line of pictures a layer."""
    layers: dict[str, list[str]] = {}
    for name in pictures:
        found = NAME.fullmatch(name)
        assert found is not None
        layers.setdefault(found[1], []).append(f"![layer {found[1]}, head {found[2]}]({name})")
    if not layers:
        return []
    return [
        "Averaged kernels, layer by layer, from the point across to the point down:",
        *map(" ".join, layers.values()),
    ]


def _origin(told: Mapping[str, Any]) -> list[str]:
    names = {"run": "run", "space": "space", "trial": "trial", "origin": "proposed by", "sweep_seed": "sweep seed"}
    rows = [f"- {shown}: {_plain(str(told[name]))}" for name, shown in names.items() if told.get(name) is not None]
    versions = ", ".join(f"{name} {each}" for name, each in told.get("versions", {}).items())
    return (
        ["## Where it comes from", "\n".join([*rows, *([f"- trained with {versions}"] if versions else [])])]
        if rows
        else []
    )


def _parameters(network: Network) -> int:
    return sum(part.numel() for part in network.parameters())


def _tag(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)


def _plain(text: str) -> str:
    """A text in Markdown that is nothing but a text, on one line."""
    return re.sub(r"[\x00-\x1f\x7f`<>\[\]|]+", " ", text)
