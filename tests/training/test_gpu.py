"""Training on a CUDA device: the same as on the CPU up to rounding, captured or not."""

import pytest
import torch

from itnas import genes
from itnas.genome import Genome
from itnas.tasks import find
from itnas.training import Population, Setup

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

LAYERS = {
    "integral": genes.Integral(),
    "attention": genes.Attention(),
    "convolution": genes.Convolution(),
    "gru": genes.Gru(),
    "lstm": genes.Lstm(),
    "selective-ssm": genes.SelectiveSsm(),
    "gated-convolution": genes.GatedConvolution(),
}


def losses(layer: object, steps: int, **setup: object) -> torch.Tensor:
    genome = Genome(layers=(layer,), training=genes.Training(learning_rates=(3e-3,)))
    population = Population(genome, find("recall/pairs=4,length=32"), (1, 2), batch_size=8, setup=Setup(**setup))
    return torch.stack([population.step(step, 0.5).cpu() for step in range(steps)])


@pytest.mark.parametrize("kind", LAYERS)
def test_the_device_does_not_matter(kind: str) -> None:
    cpu, cuda = (losses(LAYERS[kind], 5, device=torch.device(device)) for device in ("cpu", "cuda"))
    torch.testing.assert_close(cuda, cpu, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_captured_step_is_the_same_step(kind: str) -> None:
    """Twelve steps: three as they are, nine replayed with new data and new rates."""
    eager, captured = (losses(LAYERS[kind], 12, device=torch.device("cuda"), capture=flag) for flag in (False, True))
    torch.testing.assert_close(captured, eager, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", LAYERS)
def test_bfloat16_stays_close(kind: str) -> None:
    plain, half = (losses(LAYERS[kind], 5, device=torch.device("cuda"), bfloat16=flag) for flag in (False, True))
    torch.testing.assert_close(half, plain, rtol=5e-2, atol=5e-2)
