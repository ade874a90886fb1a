"""`--format module`: one readable file, which runs without itnas and says the same."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from itnas.export.concatenate import concatenated
from itnas.export.elsewhere import answered
from itnas.export.formats import FORMATS
from itnas.export.formats.module import MODULE, source_text, weights
from itnas.export.parity import compared
from itnas.export.pieces import FILES
from itnas.export.rendered import rendered
from itnas.export.source import Source
from itnas.models import specialist
from tests.export.networks import ALL, LAYERS, factorised, genome, mlp, sampled, source, unless_refused
from tests.space.spaces import SEARCHED

SOURCES = {
    "integrals": lambda: source(
        genome({**mlp(*ALL, layers=2), "normaliser": "softmax"}, factorised(decay="clock")), "recall/pairs=3,vocab=12"
    ),
    "classical": lambda: source(
        genome("gru", "selective-ssm", "attention", "convolution", "gated-convolution"), "poisson"
    ),
    "grid": lambda: source(genome(mlp("position", "offset")), "digits/view=grid"),
    "cloud": lambda: source(genome({**mlp("distance", "content"), "normaliser": "mean"}), "shape-clouds"),
    "graph": lambda: source(genome("attention", mlp("content")), "ring-transfer"),
    "tied": lambda: source(genome("lstm", "lstm", tied=True), "mad-compression/small"),
}


@pytest.mark.parametrize("name", ["integrals", "classical", "grid", "cloud"])
def test_it_runs_without_itnas_and_says_the_same(name: str, tmp_path: Path) -> None:
    told = FORMATS["module"].write(SOURCES[name](), tmp_path)
    assert told["largest_difference"] <= 1e-9
    assert told["largest_difference_float32"] <= 1e-5
    assert len(told["lengths"]) == (1 if name == "grid" else 2)
    assert {each.name for each in tmp_path.iterdir()} == {"model.py", "model.safetensors"}


@pytest.mark.parametrize("name", list(SOURCES))
def test_it_is_the_same_file_every_time_and_well_formatted(name: str, tmp_path: Path) -> None:
    one, other = compared(SOURCES[name]()), compared(SOURCES[name]())
    text = source_text(SOURCES[name](), one)
    assert text == source_text(SOURCES[name](), other)
    assert weights(one) == weights(other)
    path = tmp_path / MODULE
    path.write_text(text)
    settings = ["--config", str(Path(__file__).parents[2] / "pyproject.toml"), str(path)]
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, *settings], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_it_holds_what_it_needs_and_no_more() -> None:
    found = SOURCES["graph"]()
    text = source_text(found, compared(found))
    tree = ast.parse(text)
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "collections.abc", "pathlib", "typing", "torch", "torch.nn"}
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    assert (
        sorted(classes)
        == [
            "Attention",
            "Block",
            "EachPoint",
            "GraphNetwork",
            "IntegralTransform",
            "Mlp",
            "MlpKernel",
            "Network",
            "Numbers",
            "Points",
            "Unnormalised",
        ]
        or "Clock" in classes
    )
    assert "itnas" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_it_says_where_it_comes_from() -> None:
    found = SOURCES["cloud"]()
    verdicts = [{"replica": 0, "layer": 0, "sentence": "mixes what is near"}]
    found = replace(found, provenance={**found.provenance, "replica": 0, "verdicts": verdicts})
    said = ast.get_docstring(ast.parse(source_text(found, compared(found))))
    assert said is not None
    for part in (
        "A network for the task shape-clouds",
        f"{found.genome.hash}, trial 3 of the run first",
        "0.75 accuracy (95 %: 0.5 to 1)",
        "Layer 1:   mixes what is near",
        "inputs:    float32 [batch, length, 4]",
        "positions: float64 [batch, length, 3], of each point",
        "weights:   float64 [1, length], the measure of each point",
        "outputs:   float32 [batch, 6], logits of 6 classes",
        "load()(inputs, positions=positions, weights=weights)",
    ):
        assert part in said


def test_names_cannot_break_out_of_the_docstring() -> None:
    found = source(genome("gru"), "bytes")
    told = {"run": 'x"""\nimport os\n"""\\', "trial": 1}
    text = source_text(Source(found.genome, found.task, told, found.network), compared(found))
    assert "os" not in {
        each.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for each in node.names
    }


def test_the_file_runs_by_itself(tmp_path: Path) -> None:
    FORMATS["module"].write(SOURCES["tied"](), tmp_path)
    command = [sys.executable, "-I", str(tmp_path / MODULE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("(2, ")


def test_a_difference_is_refused() -> None:
    comparison = compared(SOURCES["graph"]())
    assert comparison.exactly(comparison.exact, 0.0) == 0
    with pytest.raises(ValueError, match="loaded back, it differs from the network by"):
        comparison.exactly([part + 1e-5 for part in comparison.exact], 1e-6)
    with pytest.raises(ValueError, match="loaded back, it differs from the network by"):
        comparison.close([part + 1e-3 for part in comparison.expected], 1e-5)


def test_elsewhere_there_is_no_itnas(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"does not run without itnas: ModuleNotFoundError: .*itnas"):
        answered("import itnas", tmp_path, [])


def test_calls_are_laid_out_as_ruff_does() -> None:
    spec = {"piece": "Numbers", "channels": 3, "width": 4}
    assert rendered(spec) == "Numbers(channels=3, width=4)"
    assert rendered([spec, spec]) == "[Numbers(channels=3, width=4) for _ in range(2)]"
    assert (
        rendered(spec, indent=100)
        == "Numbers(\n" + " " * 104 + "channels=3,\n" + " " * 104 + "width=4,\n" + " " * 100 + ")"
    )


def test_what_a_constructor_has_anyway_is_left_out() -> None:
    assert rendered({"piece": "Attention", "width": 8, "heads": 2, "rotary": True, "causal": True}) == (
        "Attention(width=8, heads=2, causal=True)"
    )


def test_no_name_is_defined_twice() -> None:
    assert concatenated(["Tokens"]).count("class ") == 1
    names = [
        node.name
        for path in FILES.values()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    ]
    assert len(names) == len(set(names))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LAYERS))
def test_every_layer(name: str, tmp_path: Path) -> None:
    task = "bytes" if "mean" not in name else "recall/pairs=3,vocab=12"
    assert FORMATS["module"].write(source(genome(LAYERS[name]), task), tmp_path)["largest_difference"] <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("space", SEARCHED)
def test_random_genomes(space: str, tmp_path: Path) -> None:
    for seed, task in enumerate(("recall/pairs=3,vocab=12", "poisson", "shape-clouds")):
        (tmp_path / task).mkdir(parents=True)
        with unless_refused():
            FORMATS["module"].write(source(sampled(space, seed), task), tmp_path / task)


def test_specialists_are_read_back_in_any_precision(tmp_path: Path) -> None:
    FORMATS["module"].write(source(specialist("transformer", width=8), "bytes"), tmp_path)
    text = (tmp_path / MODULE).read_text()
    scope: dict[str, object] = {"__file__": str(tmp_path / MODULE), "__name__": "model"}
    exec(compile(text, MODULE, "exec"), scope)
    network = scope["load"]()  # type: ignore[operator]
    with torch.no_grad():
        assert network.bfloat16()(torch.randint(256, (2, 16))).dtype == torch.bfloat16
