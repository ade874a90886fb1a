"""What ITNet-S, B and L cost on images of 196 patches, and how long a training step of S takes on this CPU.

    OMP_NUM_THREADS=1 python -m benchmarks.sizes

Costs are predicted; a step is taken as `itnas train` takes it, by one replica on two images of noise. Its seconds are
those of the processor, so that what else runs on the machine does not count.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from itnas.entry import genome_of
from itnas.tasks import Batch
from itnas.tasks.published.imagenet import ImageNet
from itnas.training import Population

NAMES = ("itnet-s", "itnet-b", "itnet-l")
STEPS = 3


class Noise(ImageNet):
    """ImageNet without its images: numbers of the same shapes."""

    def share(
        self,
        wanted: slice,
        split: str = "train",
        *,
        seed: int = 0,
        step: int = 0,
        size: int,
        length: int | None = None,
    ) -> Batch:
        rng = np.random.default_rng((seed, step))
        outline = self.outline(size, length or self.length)
        inputs = torch.from_numpy(rng.standard_normal(outline.inputs.shape, dtype=np.float32))
        targets = torch.from_numpy(rng.integers(0, self.outputs, outline.targets.shape))
        return Batch(inputs[wanted], targets[wanted], domain=outline.domain)


def costs() -> list[str]:
    """The rows of the table in docs/spaces.md."""
    rows = []
    for name in NAMES:
        genome = genome_of(name)
        cost = genome.cost(196, "imagenet-1k")
        figures = (cost.parameters / 1e6, cost.flops_per_token / 1e6, cost.activation_bytes / 1e6)
        heads = genome.layers[0].heads  # type: ignore[union-attr]
        shown = " | ".join(f"{figure:.{digits}f}" for figure, digits in zip(figures, (1, 0, 0), strict=True))
        rows.append(f"| {name} | {genome.width} | {genome.depth} | {heads} | {shown} |")
    return rows


def seconds_of_a_step() -> float:
    """The fastest of a few, after one in which what is compiled is compiled."""
    members, found = Population(genome_of("itnet-s"), Noise(), (0,), batch_size=2), []
    for step in range(1 + STEPS):
        start = time.process_time()
        members.step(step, 1.0)
        found.append(time.process_time() - start)
    return min(found[1:])


def main() -> None:
    print("| genome | width | depth | heads | million parameters | Mflop per point | MB kept per image |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(costs()))
    print(f"\na step of itnet-s on two images: {seconds_of_a_step():.1f} s of a processor")


if __name__ == "__main__":
    main()
