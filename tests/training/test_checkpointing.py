"""Blocks that are computed again in the backward pass: the same bits, less memory."""

import pytest
import torch

from itnas import genes
from itnas.genome import Genome
from itnas.tasks import find
from itnas.training import Population, Setup
from tests.training.populations import CASES as MIXERS
from tests.training.populations import trained

DEPTH = 3
IMPORTANCE = genes.Integral(quadrature=genes.Importance(samples=4), iterate=2)
CASES = {name: (task, {"layers": (layer,)}) for name, (task, layer) in MIXERS.items()} | {
    # One block, used three times, and within it one layer twice: each use draws other samples.
    "tied, sampled": ("recall/pairs=4,length=19", {"layers": (IMPORTANCE,), "tied": True}),
    "channels": (
        "recall/pairs=4,length=19",
        {"layers": (genes.Attention(),), "channel_mixing": genes.ChannelMixing(kind="swiglu")},
    ),
}


def population(case: str, **setup: object) -> Population:
    label, settings = CASES[case]
    genome = Genome(width=12, depth=DEPTH, **settings)
    return Population(genome, find(label), (1, 2), batch_size=4, setup=Setup(**setup))


@pytest.mark.parametrize("case", CASES)
def test_recomputed_blocks_change_no_bit(case: str) -> None:
    kept, again = (trained(population(case, recompute=flag), 3) for flag in (False, True))
    assert torch.equal(kept.stack.flat, again.stack.flat)
    assert torch.equal(kept.optimiser.mean, again.optimiser.mean)
    assert kept.scores(samples=8) == again.scores(samples=8)


@pytest.mark.parametrize("options", [{"bfloat16": True}, {"parts": 2}])
def test_nor_do_they_with_other_means(options: dict[str, object]) -> None:
    kept, again = (trained(population("channels", recompute=flag, **options), 3) for flag in (False, True))
    assert torch.equal(kept.stack.flat, again.stack.flat)


def test_nor_does_a_lone_replica_notice() -> None:
    genome = Genome(width=12, depth=DEPTH, training=genes.Training(learning_rates=(3e-3,)))
    kept, again = (
        trained(Population(genome, find("parity/length=9"), (1,), batch_size=4, setup=Setup(recompute=flag)), 3)
        for flag in (False, True)
    )
    assert torch.equal(kept.stack.flat, again.stack.flat)


@pytest.mark.parametrize(
    "layer", [genes.Attention(), genes.Integral(), genes.Gru()], ids=["attention", "integral", "gru"]
)
def test_less_is_kept_for_the_backward_pass(layer: genes.Mixer) -> None:
    """What lies between the forward pass and the backward pass, the inputs of blocks included."""
    depth, length, size = 6, 24, 4

    def kept(*, recompute: bool) -> int:
        genome = Genome(width=12, depth=depth, layers=(layer,), training=genes.Training(learning_rates=(3e-3,)))
        task = find(f"recall/pairs=4,length={length}")
        members = Population(genome, task, (1, 2), batch_size=size, setup=Setup(recompute=recompute))
        batch = members.batch(0)
        found: dict[int, int] = {members.stack.flat.untyped_storage().data_ptr(): 0}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            found.setdefault(storage.data_ptr(), storage.nbytes())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            outputs = members.stack(batch.inputs, batch.domain, batch.placed)
        (gradient,) = torch.autograd.grad(outputs.sum(), members.stack.flat)
        assert torch.isfinite(gradient).all()
        # Checkpoints hold what goes into a block by themselves.
        inputs = 4 * depth * 2 * size * length * 12
        return sum(found.values()) + (inputs if recompute else 0)

    assert kept(recompute=True) < kept(recompute=False) / 3


def test_memory_that_is_not_needed_cuts_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prediction that batches are cut by knows of it."""
    from itnas.training import Budget, Training, recipe, trainer

    genome = Genome(width=12, depth=6, layers=(genes.Attention(),))
    made = recipe(genome, find("recall/pairs=4,length=24"), replicas=2, budget=Budget(3), batch_size=16)
    needed = genome.cost(24, made.task, batch_size=16).activation_bytes * 4
    monkeypatch.setattr(trainer, "free_memory", lambda _: needed)
    assert Training(made, Setup()).population.setup.parts == 2
    assert Training(made, Setup(recompute=True)).population.setup.parts == 1
