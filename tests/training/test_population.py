"""Stacked replicas: each is what it would be alone, bit for bit; the dead touch nobody."""

import copy
import dataclasses

import pytest
import torch

from itnas import genes
from itnas.genome import Genome
from itnas.models import build_network
from itnas.tasks import Task, find
from itnas.training import Population, Setup
from itnas.training.population import decays
from tests.training.populations import CASES, population, trained


@pytest.mark.parametrize("case", CASES)
def test_a_replica_in_a_stack_equals_the_one_alone_bit_for_bit(case: str) -> None:
    """Every seed and rate of a stack of six, against stacks of one."""
    stack = trained(population(case, (7, 8, 9)))
    scores = stack.scores(samples=8)
    for seed in (7, 9):
        for rate in (3e-3, 1e-2):
            alone = trained(population(case, (seed,), (rate,)))
            place = [*zip(stack.seeds, stack.learning_rates, strict=True)].index((seed, rate))
            assert torch.equal(stack.stack.flat[place], alone.stack.flat[0]), (seed, rate)
            assert torch.equal(stack.optimiser.square[place], alone.optimiser.square[0])
            assert scores[place] == alone.scores(samples=8)[0]


OTHERS = ("attention", "convolution", "selective-ssm", "gated-convolution")


@pytest.mark.parametrize("case", ["integral", "gru", *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)])
def test_bits_do_not_depend_on_company_with_two_threads_either(case: str) -> None:
    """torch splits up a batch of one among threads in another way than a batch of many."""
    name, layer = CASES[case]
    genome, task = Genome(width=32, layers=(layer,)), find(f"{name.partition('/')[0]}/length=64")
    found = []
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for seeds, rates in (((7, 8, 9), (3e-3, 1e-2)), ((7,), (3e-3,)), ((7, 5), (3e-3,))):
            training = genes.Training(learning_rates=rates)
            members = Population(genome.model_copy(update={"training": training}), task, seeds, batch_size=32)
            found.append(trained(members, 2).stack.flat[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("case", ["integral", "gru", "cloud"])
def test_training_equals_a_plain_loop_with_torchs_own_optimiser(case: str) -> None:
    """Against nn.Module, torch.optim.AdamW and clip_grad_norm_, up to rounding."""
    stack = population(case, (3, 4), (3e-3,))
    start = [stack.stack.state_of(number) for number in range(2)]
    task, training = stack.task, stack.genome.training
    trained(stack, 5)
    for number, seed in enumerate((3, 4)):
        network = copy.deepcopy(stack.stack.skeleton)
        network.load_state_dict(start[number])
        named = list(network.named_parameters())
        groups = [
            {"params": [part for name, part in named if decays(name, part) is decayed], "weight_decay": decay}
            for decayed, decay in ((True, training.weight_decay), (False, 0.0))
        ]
        optimiser = torch.optim.AdamW(groups, lr=0.5 * 3e-3, betas=training.betas)
        for step in range(5):
            batch = task.batch("train", seed=seed, step=step, size=8)
            outputs = network(batch.inputs, batch.domain)
            if batch.mask is not None:
                outputs, targets = outputs[batch.mask], batch.targets[batch.mask]
            else:
                targets = batch.targets
            loss = torch.nn.functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), training.clip)
            optimiser.step()
        for name, part in network.named_parameters():
            torch.testing.assert_close(stack.stack.state_of(number)[name], part.detach(), rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("case", ["integral", "gru", "cloud", "graph", "integral, sampled"])
def test_a_batch_in_parts_is_the_same_step(case: str) -> None:
    whole, parts = trained(population(case, (1,)), 1), trained(population(case, (1,), parts=3), 1)
    moved = (whole.optimiser.mean.abs().max(), (whole.optimiser.mean - parts.optimiser.mean).abs().max())
    assert moved[1] < 1e-5 * moved[0]


def test_a_dead_replica_is_masked_and_touches_no_other() -> None:
    stack, sound = population("integral", (1, 2)), trained(population("integral", (1, 2)), 6)
    for step in range(6):
        if step == 3:
            with torch.no_grad():
                stack.stack.flat[1, 5] = torch.nan
        stack.step(step, 0.5)
    assert stack.alive.tolist() == [True, False, True, True]
    assert stack.died.tolist() == [-1, 3, -1, -1]
    for number in (0, 2, 3):
        assert torch.equal(stack.stack.flat[number], sound.stack.flat[number])
    scores = stack.scores(samples=8)
    assert scores[1] == stack.task.chance
    assert scores[0] == sound.scores(samples=8)[0]


def test_a_replica_dies_of_a_gradient_that_is_not_a_number() -> None:
    """And stands still from then on, its optimiser too."""
    stack = trained(population("integral", (1,)), 2)
    before = stack.stack.flat.detach().clone()
    with torch.no_grad():
        stack.stack.flat[0] *= 1e30
    blown = stack.stack.flat.detach().clone()
    trained(stack, 2)
    assert stack.alive.tolist() == [False, True]
    assert torch.equal(stack.stack.flat[0], blown[0])
    assert torch.isfinite(stack.optimiser.mean).all()
    assert not torch.equal(stack.stack.flat[1], before[1])


def test_replicas_of_one_seed_start_alike_and_see_the_same_data() -> None:
    stack = population("integral", (1, 2))
    flat, inputs = stack.stack.flat, stack.batch(3).inputs
    assert torch.equal(flat[0], flat[1])
    assert torch.equal(inputs[0], inputs[1])
    assert not torch.equal(flat[0], flat[2])
    assert not torch.equal(inputs[0], inputs[2])


def test_rank_gates_are_pushed_shut() -> None:
    """Twice: the penalty's gradient reaches the gates, and the other parameters only through them."""

    def gates(penalty: float) -> torch.Tensor:
        layer = genes.Integral(kernel=genes.FactorisedKernel(learned_rank=True))
        training = genes.Training(learning_rates=(1e-2,), rank_penalty=penalty)
        task = find("parity/length=9")
        stack = Population(Genome(width=8, layers=(layer,), training=training), task, (1,), batch_size=2)
        trained(stack, 8)
        return torch.stack([stack.stack.parameters()[name] for name in stack.gates])

    assert (gates(10.0) < gates(0.0)).all()
    assert (gates(10.0) < -0.02).all()


def test_validation_data_are_the_same_for_every_population() -> None:
    drawn = []

    @dataclasses.dataclass(frozen=True)
    class Spy(type(find("parity"))):
        def batch(self, split: str = "train", **options: object) -> object:
            drawn.append({"split": split, **options})
            return super().batch(split, **options)

    stack = Population(Genome(width=8), Spy(length=16), (5, 6), batch_size=4)
    stack.scores(samples=130)
    assert drawn == [{"split": "validation", "size": 130}]


def test_seeds_must_differ() -> None:
    with pytest.raises(ValueError, match="seeds that differ, got \\[1, 1\\]"):
        population("integral", (1, 1))


def test_bfloat16_learns_too() -> None:
    """Autocast on the CPU: the same code path as on a GPU."""
    task: Task = find("local-pattern/length=16")
    training = genes.Training(learning_rates=(1e-2,))
    stack = Population(Genome(width=16, training=training), task, (1,), batch_size=16, setup=Setup(bfloat16=True))
    losses = torch.cat([stack.step(step, 1.0) for step in range(150)])
    assert losses[-30:].mean() < 0.95 * losses[:5].mean()
    assert stack.alive.all()


QUADRATURES = {
    "window": genes.Window(width=0.7),
    "importance": genes.Importance(samples=3, near=0.7),
    "monte_carlo": genes.MonteCarlo(samples=3),
}


@pytest.mark.parametrize("task", ["shape-clouds/length=12", "poisson/length=9", "digits/length=9", "parity/length=9"])
@pytest.mark.parametrize("quadrature", QUADRATURES)
def test_every_quadrature_trains_stacked_on_every_domain(quadrature: str, task: str) -> None:
    """Also where places differ from sample to sample; a stack computes what plain networks do."""
    kernel = genes.MlpKernel(features=("distance", "content"))
    layer = genes.Integral(kernel=kernel, quadrature=QUADRATURES[quadrature], normaliser="softmax")
    members = trained(Population(Genome(width=8, layers=(layer,)), find(task), (1, 2), batch_size=4), 2)
    assert members.alive.all()
    batch = members.task.batch("validation", size=3)
    members.stack.skeleton.eval()
    found = members.outputs(batch)
    for number in range(members.replicas):
        network = copy.deepcopy(members.stack.skeleton)
        network.load_state_dict(members.stack.state_of(number))
        torch.testing.assert_close(found[number], network(batch.inputs, batch.domain), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("hidden", [4, 5, 8, 20])
def test_small_kernels_are_bit_equal_too(hidden: int) -> None:
    layer = genes.Integral(kernel=genes.MlpKernel(hidden=hidden))
    training = genes.Training(learning_rates=(3e-3,))
    stack, alone = (
        trained(Population(Genome(layers=(layer,), training=training), find("parity/length=64"), seeds, batch_size=8))
        for seeds in ((7, 8, 9), (7,))
    )
    assert torch.equal(stack.stack.flat[0], alone.stack.flat[0])


@pytest.mark.parametrize("case", ["gru", "lstm", "attention", "selective-ssm", "convolution", "gated-convolution"])
def test_every_mixer_runs_in_bfloat16(case: str) -> None:
    plain, half = (population(case, (1,), bfloat16=flag) for flag in (False, True))
    losses = [members.step(0, 0.5) for members in (plain, half)]
    torch.testing.assert_close(losses[1], losses[0], rtol=0.05, atol=0.05)
    assert half.alive.all()


def test_a_finite_split_is_scored_image_by_image_once() -> None:
    """And whatever the batch size, so that genomes can be compared."""
    task = find("digits")
    found = []
    for size in (32, 100):
        stack = Population(Genome(width=8, layers=(genes.Convolution(taps=1),)), task, (1,), batch_size=size)
        found.append(stack.scores())
        whole = task.batch("validation", size=task.split_size("validation"))
        assert len({row.numpy().tobytes() for row in whole.inputs}) == len(whole)
        right = (stack.outputs(whole).argmax(-1) == whole.targets).double().mean(1)
        torch.testing.assert_close(torch.tensor(found[-1]), right.float(), rtol=1e-5, atol=1e-5)
    assert found[0] == found[1]


def test_validation_samples_do_not_depend_on_how_a_task_is_used() -> None:
    first, second = find("recall"), find("recall/steps=7,batch_size=5,examples=100")
    assert torch.equal(first.batch("validation").inputs, second.batch("validation", size=32).inputs)


def test_weight_decay_spares_what_is_no_weight() -> None:
    gene = genes.Integral(
        kernel=genes.MlpKernel(features=("fourier", "product", "clock"), fourier="learned", damped=True)
    )
    factorised = genes.Integral(kernel=genes.FactorisedKernel(decay="clock", learned_rank=True, layers=1))
    network = build_network(Genome(layers=(gene, factorised)), find("parity"))
    spared = {name.partition("mixer.")[2] for name, part in network.named_parameters() if not decays(name, part)}
    assert {
        "kernel_module.bias", "kernel_module.query_bias", "kernel_module.frequency", "kernel_module.damping",
        "kernel_module.rate", "kernel_module.gates.logits", "kernel_module.phi.biases.0", "out.bias", "norm.weight",
    } <= spared  # fmt: skip
    decayed = {name.partition("mixer.")[2] for name, part in network.named_parameters() if decays(name, part)}
    assert {"kernel_module.query", "kernel_module.out", "value", "out.weight", "kernel_module.phi.content"} <= decayed


def test_tied_blocks_sample_anew() -> None:
    """Two applications of one block draw different points in one evaluation."""
    seen = []
    layer = genes.Integral(quadrature=genes.MonteCarlo(samples=2))
    network = build_network(Genome(width=8, depth=2, tied=True, layers=(layer,)), find("parity/length=16"))
    network.eval()
    network.blocks[0].mixer.register_forward_pre_hook(lambda module, _: seen.append(module.index))
    network(find("parity/length=16").batch(size=1).inputs)
    assert seen == [0, 1]


def test_a_large_lone_replica_goes_without_a_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs half as much, and agrees to rounding."""
    twinned = trained(population("integral", (0,), (3e-3,)))
    monkeypatch.setattr("itnas.training.stack.TWINNED", 0)
    monkeypatch.delattr("itnas.training.stack.twice")
    alone = trained(population("integral", (0,), (3e-3,)))
    torch.testing.assert_close(alone.stack.flat, twinned.stack.flat, rtol=1e-3, atol=1e-4)
