"""Networks: what a genome and a task make of each other."""

import pytest
import torch

import itnas
from itnas import genes
from itnas.entry import genome_of
from itnas.genome import Genome
from itnas.models import DEFAULT_SPECIALISTS, specialist
from itnas.models.readout import Decoded, Pooled, waves
from itnas.models.specialists import SPECIALISTS
from itnas.operator import Sequence
from itnas.tasks import TASKS, find

SUITE = [name + ("/small" if name.startswith("mad-") else "") for name in TASKS if not TASKS[name].published]


# Walks need an order, convolutions a grid, position features positions.
WALKING = {"convnet", "gru", "lstm", "selective-ssm", "gated-conv-attention", "selective-ssm/operator"}
REFUSED = {
    "ring-transfer": set(SPECIALISTS) - {"transformer"},
    "shape-clouds": WALKING,
    "digits": {"selective-ssm/operator"},
    "textured-shapes": {"selective-ssm/operator"},
}


def outputs(genome: Genome, task: str, seed: int = 0) -> torch.Tensor:
    chosen = find(task)
    batch = chosen.batch("validation", size=2)
    return itnas.build(genome, chosen, seed=seed)(batch.inputs, batch.domain)


@pytest.mark.parametrize("task", SUITE)
@pytest.mark.parametrize("name", list(SPECIALISTS))
def test_specialists_run_wherever_their_layers_mean_something(name: str, task: str) -> None:
    chosen = find(task)
    # A point network divides by how much it sees, which on a line has no end.
    bounded = task in ("digits", "textured-shapes", "shape-clouds", "poisson")
    unfit = WALKING if chosen.modalities else REFUSED.get(task, set())
    if name in unfit or (name == "point-network" and not bounded):
        with pytest.raises(
            ValueError,
            match=r"which an? .* does not have|has no positions|a clock runs along|a convolution (layer )?needs points"
            r"|divides by the measure",
        ):
            outputs(specialist(name), task)
        return
    found = outputs(specialist(name), task)
    expected = (2, chosen.outputs) if chosen.readout == "pooled" else (2, chosen.length, chosen.outputs)
    assert found.shape == expected
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("name", list(SPECIALISTS))
def test_specialists_have_names_width_and_depth(name: str) -> None:
    genome = specialist(name, width=16, depth=4)
    assert (genome.width, genome.depth, len(genome.blocks)) == (16, 4, 4)
    assert genome_of(name) == specialist(name)
    layers = SPECIALISTS[name]
    assert genome.blocks == layers * (4 // len(layers))


def test_specialists_share_one_recipe() -> None:
    assert len({specialist(name).training for name in DEFAULT_SPECIALISTS}) == 1
    assert len({specialist(name).channel_mixing for name in DEFAULT_SPECIALISTS}) == 1
    assert len({specialist(name).hash for name in SPECIALISTS}) == len(SPECIALISTS)


@pytest.mark.parametrize("name", sorted({*SPECIALISTS} - {"point-network"}))  # which is refused on lines
def test_causal_networks_do_not_look_ahead(name: str) -> None:
    task = find("recall/pairs=2,length=17")
    network = itnas.build(specialist(name), task)
    tokens = task.batch("validation", size=2).inputs
    changed = tokens.clone()
    changed[:, 9:] = (changed[:, 9:] + 5) % task.vocabulary
    before, after = network(tokens), network(changed)
    assert torch.equal(before[:, :9], after[:, :9])
    assert not torch.allclose(before[:, 9:], after[:, 9:])


def test_causality_is_the_tasks_unless_the_genome_says_more() -> None:
    gene = genes.Attention()
    assert itnas.build(Genome(layers=(gene,)), "digits").blocks[0].mixer.causal is False
    assert itnas.build(Genome(layers=(gene,)), "parity").blocks[0].mixer.causal is True
    assert itnas.build(Genome(layers=(gene,), causal=True), "digits/view=sequence").blocks[0].mixer.causal is True
    with pytest.raises(ValueError, match="task parity can be solved by looking ahead, so causal=False is refused"):
        itnas.build(Genome(layers=(gene,), causal=False), "parity")


def test_tied_blocks_are_one_block() -> None:
    free, tied = (itnas.build(Genome(depth=3, tied=flag), "parity") for flag in (False, True))
    assert len(free.blocks) == 3
    assert len(tied.blocks) == 1
    tokens = find("parity").batch(size=2).inputs
    features = tied.encoder(tokens)
    for _ in range(3):
        features = tied.blocks[0](features, None)
    assert torch.equal(tied(tokens), tied.readout(tied.norm(features), None))


def test_weights_follow_from_the_seed_and_nothing_else() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = itnas.build(Genome(), "parity", seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    again, other = itnas.build(Genome(), "parity", seed=3), itnas.build(Genome(), "parity", seed=4)
    pairs = list(zip(first.parameters(), again.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(one, two) for one, two, _ in pairs)
    assert any(not torch.equal(one, three) for one, _, three in pairs)


def test_pooling_leaves_padding_out() -> None:
    readout, features = Pooled(4, 3), torch.randn(2, 5, 4)
    valid = torch.tensor([[True, True, False, False, False], [True] * 5])
    found = readout(features, Sequence(valid=valid))
    assert torch.allclose(found[0], readout(features[:1, :2], None)[0], atol=1e-6)
    assert torch.allclose(found[1], readout(features[1:], None)[0], atol=1e-6)


def test_decoding_reads_the_last_point_only() -> None:
    readout, features = Decoded(6, 3), torch.randn(2, 5, 6)
    changed = features.clone()
    changed[:, :-1] += 1
    assert torch.equal(readout(features, None), readout(changed, None))
    found = readout(features, None)
    assert not torch.allclose(found[:, 0], found[:, 1])


def test_places_are_the_sines_and_cosines_of_the_paper() -> None:
    found = waves(10, 6, torch.device("cpu")).double()
    for place in range(10):
        for pair in range(3):
            angle = torch.tensor(place / 10_000 ** (2 * pair / 6), dtype=torch.float64)
            assert found[place, pair] == pytest.approx(float(angle.sin()), abs=1e-6)
            assert found[place, 3 + pair] == pytest.approx(float(angle.cos()), abs=1e-6)


def test_genomes_by_file_and_by_name(tmp_path: object) -> None:
    path = tmp_path / "mine.yaml"
    Genome(width=8).save(path)
    assert genome_of(str(path)) == genome_of(path) == Genome(width=8)
    with pytest.raises(ValueError, match=r"unknown genome .and no such file. 'trasformer'.*did you mean 'transformer'"):
        genome_of("trasformer")


def test_iterated_layers_and_every_quadrature_build_and_run() -> None:
    for quadrature in (genes.Window(width=3.0), genes.MonteCarlo(samples=3), genes.Importance(samples=3)):
        genome = Genome(width=8, layers=(genes.Integral(iterate=2, quadrature=quadrature, normaliser="softmax"),))
        assert torch.isfinite(outputs(genome, "parity/length=9")).all()
