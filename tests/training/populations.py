"""Small populations of every kind of layer, and on every kind of domain."""

from itnas import genes
from itnas.genome import Genome
from itnas.tasks import find
from itnas.training import Population, Setup

CASES = {
    "integral": ("recall/pairs=4,length=19", genes.Integral()),
    "integral, sampled": ("parity/length=19", genes.Integral(quadrature=genes.MonteCarlo(samples=4))),
    "learned rank": ("parity/length=19", genes.Integral(kernel=genes.FactorisedKernel(learned_rank=True))),
    "attention": ("recall/pairs=4,length=19", genes.Attention()),
    "convolution": ("local-pattern/length=19", genes.Convolution()),
    "gru": ("parity/length=19", genes.Gru()),
    "lstm": ("parity/length=19", genes.Lstm()),
    "selective-ssm": ("parity/length=19", genes.SelectiveSsm()),
    "gated-convolution": ("delay/length=19", genes.GatedConvolution()),
    "cloud": ("shape-clouds/length=19", genes.Integral(kernel=genes.MlpKernel(features=("distance", "content")))),
    "graph": ("ring-transfer/length=11", genes.Integral(kernel=genes.MlpKernel(features=("content", "product")))),
    "grid": ("poisson/length=19", genes.Integral(kernel=genes.MlpKernel(features=("offset", "position")))),
    "pixels": ("digits/length=25", genes.Convolution(taps=3)),
    "pair": ("entailment", genes.Integral(kernel=genes.MlpKernel(features=("offset", "content", "modality")))),
    "union": (
        "shape-questions",
        genes.Integral(kernel=genes.MlpKernel(features=("offset", "product", "modality")), measure="balanced"),
    ),
    "attention on a union": ("image-pairs", genes.Attention()),
    "decoded": ("mad-compression/small,length=9", genes.Gru()),
}


def population(
    case: str, seeds: tuple[int, ...], rates: tuple[float, ...] = (3e-3, 1e-2), **setup: object
) -> Population:
    task, layer = CASES[case]
    genome = Genome(width=12, layers=(layer,), training=genes.Training(learning_rates=rates))
    return Population(genome, find(task), seeds, batch_size=8, setup=Setup(**setup))


def trained(members: Population, steps: int = 4) -> Population:
    for step in range(steps):
        members.step(step, 0.5)
    return members
