"""`torch.compile` of layers: what runs on addresses of memory is left out of the graph, and the numbers stay.

In a process of its own: a wrong address ends it, and shapes, which tests check elsewhere, cannot be checked in a graph.
"""

import subprocess
import sys

import pytest

LAYERS = """
import torch
from itnas import IntegralTransform, MLPKernel

layer = IntegralTransform(4, heads=2, kernel=MLPKernel(hidden=4, features=("offset", "content")), plan=PLAN)
compiled = torch.compile(layer, backend="aot_eager")
for _ in range(3):
    u = torch.randn(2, 70, 4)
    expected, found = layer(u), compiled(u)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(y.sum(), list(layer.parameters())) for y in (expected, found)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
"""

NETWORK = """
import itnas, torch

network = itnas.build(itnas.Genome.from_dict({"width": 8, "depth": 1}), task="recall")
compiled = torch.compile(network, backend="aot_eager")
optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
inputs = itnas.task("recall").batch("validation", size=4).inputs
for _ in range(3):
    optimiser.zero_grad()
    found = compiled(inputs)
    torch.testing.assert_close(found, network(inputs), rtol=1e-4, atol=1e-4)
    found.logsumexp(-1).mean().backward()
    optimiser.step()
"""


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(LAYERS.replace("PLAN", "'fused'"), id="fused", marks=pytest.mark.slow),
        pytest.param(LAYERS.replace("PLAN", "'sorted'"), id="sorted", marks=pytest.mark.slow),
        pytest.param(NETWORK, id="network"),
    ],
)
def test_what_is_compiled_computes_the_same_again_and_again(source: str) -> None:
    process = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
