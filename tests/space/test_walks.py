"""Sampling, mutation and crossover stay inside a space, and what they give can be stored and read again."""

import json
from collections import Counter

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from itnas.genome import Genome
from itnas.space import Choice, Integer, Real, Space
from tests.space.spaces import SEARCHED, SPACES

SEEDS = st.integers(0, 2**32)
PLANTED = """
layers:
  kernel:
    choice:
      - kind: mlp
        hidden: {int: [4, 64], log: true}
        features: {subset: [offset, content, product], min: 2}
        damped: {choice: [false, true]}
      - kind: factorised
        hidden: {choice: [8, 16]}
        rank: {int: [2, 8], step: 2}
  heads: {choice: [1, 2]}
training:
  clip: {choice: [null, {float: [0.1, 10.0], log: true}]}
"""


def inside(space: Space, parameters: dict[str, object]) -> bool:
    """Whether the parameters are exactly those that the space asks for on their own path."""
    domains = space.distributions(parameters)
    return list(domains) == list(parameters) and all(
        domains[name].fitted(value) == value for name, value in parameters.items()
    )


@given(SPACES, SEEDS)
def test_what_is_sampled_can_be_stored_and_means_the_same(space: Space, seed: int) -> None:
    parameters = space.sample(np.random.default_rng(seed))
    assert inside(space, parameters)
    genome = space.genome(parameters)
    assert space.genome(json.loads(json.dumps(parameters))) == genome
    assert Genome.from_dict(genome.canonical().to_dict()).hash == genome.hash
    assert space.build(lambda name, domain: parameters[name]) == genome


@given(SPACES, SEEDS)
def test_mutation_stays_inside_and_changes_something(space: Space, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parameters = space.sample(rng)
    for _ in range(5):
        changed = space.mutate(parameters, rng)
        assert inside(space, changed)
        assert (changed != parameters) == (space.size() != 1)
        space.genome(changed)
        parameters = changed


@given(SPACES, SEEDS)
def test_crossover_stays_inside_and_inherits(space: Space, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = space.sample(rng), space.sample(rng)
    child = space.cross(one, other, rng)
    assert inside(space, child)
    for name, value in child.items():
        parents = {repr(parent[name]) for parent in (one, other) if name in parent}
        # A subset with too few members is repaired.
        assert not parents or repr(value) in parents or (value is True and "/" in name)
    assert space.cross(one, one, rng) == one


@pytest.mark.parametrize("name", SEARCHED)
def test_shipped_spaces_sample_mutate_and_cross(name: str) -> None:
    space, rng = Space.load(name), np.random.default_rng(0)
    one = space.sample(rng)
    for _ in range(40):
        other = space.mutate(one, rng)
        assert other != one
        one = space.cross(one, space.mutate(other, rng), rng)
        assert inside(space, one)
        assert Genome.from_dict(space.genome(one).to_dict()).hash == space.genome(one).hash


def test_parameters_are_asked_in_document_order_and_only_where_they_exist() -> None:
    space, asked = Space.parse(PLANTED), {}
    space.build(lambda name, domain: asked.setdefault(name, domain).first)
    assert asked == {
        "layers.kernel": Choice(("mlp", "factorised")),
        "layers.kernel[mlp].hidden": Integer(4, 64, log=True),
        "layers.kernel.features/offset": Choice((False, True)),
        "layers.kernel.features/content": Choice((False, True)),
        "layers.kernel.features/product": Choice((False, True)),
        "layers.kernel.damped": Choice((False, True)),
        "layers.heads": Choice((1, 2)),
        "training.clip": Choice(("null", "float")),
    }
    assert next(iter(asked)) == "layers.kernel"
    asked.clear()

    def choose(name: str, domain: object) -> object:
        asked[name] = domain
        return {"layers.kernel": "factorised", "training.clip": "float"}.get(name, domain.first)

    genome = space.build(choose)
    assert asked["training.clip[float]"] == Real(0.1, 10.0, log=True)
    assert asked["layers.kernel.rank"] == Integer(2, 8, step=2)
    assert asked["layers.kernel[factorised].hidden"] == Choice((8, 16))
    assert genome.layers[0].kernel.rank == 2
    assert genome.training.clip == 0.1


def test_branches_share_a_parameter_where_path_and_domain_agree() -> None:
    text = "layers: {kernel: {choice: [{kind: mlp, hidden: %s}, {kind: factorised, hidden: {choice: [4, 8]}}]}}"
    assert Space.parse(text % "{choice: [4, 8]}").parameters() == ["layers.kernel", "layers.kernel.hidden"]
    apart = ["layers.kernel", "layers.kernel[mlp].hidden", "layers.kernel[factorised].hidden"]
    assert Space.parse(text % "{choice: [4, 16]}").parameters() == apart


def test_false_and_0_make_domains_that_differ() -> None:
    """To Python they are equal. What is wrong about one of them is told with the line of that one."""
    text = "layers:\n  kernel:\n    choice:\n      - {kind: factorised, learned_rank: false, layers: {choice: [0, 1]}}"
    text += "\n      - {kind: factorised, learned_rank: true, layers: {choice: [false, 1]}}"
    with pytest.raises(ValueError, match=r"^planted: line 5: .*layers: input should be a valid integer, got False"):
        Space.parse(text, "planted")


def test_layers_of_a_list_have_genes_of_their_own_also_behind_an_alias() -> None:
    space = Space.parse("layers: [&one {heads: {choice: [1, 2]}}, *one]")
    assert space.parameters() == ["layers.0.heads", "layers.1.heads"]
    assert [layer.heads for layer in space.genome({"layers.0.heads": 1, "layers.1.heads": 2}).layers] == [1, 2]


def test_a_subset_that_is_too_small_takes_the_first_members_listed() -> None:
    space = Space.parse(PLANTED)
    genome = space.build(lambda name, domain: name.endswith("product") if "/" in name else domain.first)
    assert genome.layers[0].kernel.features == ("offset", "product")


def test_samples_are_uniform_over_domains_and_over_subsets_that_are_large_enough() -> None:
    space, rng = Space.parse(PLANTED), np.random.default_rng(0)
    samples = [space.sample(rng) for _ in range(4000)]
    names = ["layers.kernel.features/offset", "layers.kernel.features/content", "layers.kernel.features/product"]
    subsets = Counter(tuple(each[name] for name in names) for each in samples if names[0] in each)
    assert len(subsets) == 4
    assert max(subsets.values()) / min(subsets.values()) < 1.25
    hidden = np.array([each["layers.kernel[mlp].hidden"] for each in samples if "layers.kernel[mlp].hidden" in each])
    assert set(hidden) == set(range(4, 65))
    # Uniform in the logarithm: as many from 4 to 15 as from 16 to 64, nearly.
    assert 0.45 < np.mean(hidden < 16) < 0.6
    clips = [each["training.clip[float]"] for each in samples if "training.clip[float]" in each]
    assert 0.45 < np.mean(np.array(clips) < 1.0) < 0.55


def test_mutation_makes_parameters_appear_and_vanish() -> None:
    space, rng = Space.parse(PLANTED), np.random.default_rng(0)
    parameters, kinds = space.sample(rng), set()
    for _ in range(200):
        changed = space.mutate(parameters, rng)
        same = {name for name in changed if parameters.get(name) == changed[name]}
        if changed["layers.kernel"] == parameters["layers.kernel"]:
            # One decision, or two members of a subset, and what hangs on it.
            assert len(changed) - len(same) <= 2
        kinds.add(changed["layers.kernel"])
        parameters = changed
    assert kinds == {"mlp", "factorised"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers.heads": 3}, "parameter layers.heads: must be one of 1, 2, got 3"),
        ({"layers.heads": True}, "parameter layers.heads: must be one of 1, 2, got True"),
        ({"layers.heads": None}, "parameter layers.heads: must be one of 1, 2, got None"),
        ({"layers.kernel[mlp].hidden": 65}, "must lie from 4 to 64, got 65"),
        ({"layers.kernel[mlp].hidden": 8.0}, "must be a whole number, got 8.0"),
        ({"layers.haeds": 2}, "parameter 'layers.haeds' does not exist here; did you mean 'layers.heads'?"),
        ({"layers.kernel.rank": 2}, "parameter 'layers.kernel.rank' does not exist here"),
        ({"layers.kernel": "factorised"}, "parameter layers.kernel[factorised].hidden is missing"),
    ],
)
def test_parameters_that_do_not_fit_get_one_sentence(changes: dict[str, object], message: str) -> None:
    space = Space.parse(PLANTED)
    first: dict[str, object] = {}
    space.build(lambda name, domain: first.setdefault(name, domain.first))
    with pytest.raises(ValueError, match="parameter") as caught:
        space.genome({**first, **changes})
    assert message in str(caught.value)


def test_integers_keep_their_steps() -> None:
    assert Integer(2, 9, step=3).high == 8
    rng = np.random.default_rng(0)
    domain = Integer(2, 9, step=3)
    assert {domain.draw(rng) for _ in range(50)} == {domain.other(5, rng) for _ in range(50)} | {5} == {2, 5, 8}


@pytest.mark.parametrize("log", [False, True])
def test_numbers_between_bounds_that_all_but_touch_still_change(log: bool) -> None:
    domain, rng = Real(1e15, 1e15 + 0.125, log=log), np.random.default_rng(0)
    assert {domain.other(domain.low, rng) for _ in range(20)} == {domain.high}
    assert domain.other(domain.high, rng) == domain.low


def test_a_space_with_specialists_starts_from_them() -> None:
    from itnas.models.specialists import specialist

    text = (
        "specialist: {choice: [gru, gated-conv-attention]}\nwidth: {choice: [16, 64]}\ndepth: 4\ntraining: {steps: 7}"
    )
    space = Space.parse(text)
    found = space.genome({"specialist": "gated-conv-attention", "width": 64})
    wanted = specialist("gated-conv-attention", width=64, depth=4).to_dict()
    assert found == Genome.from_dict(wanted | {"training": {**wanted["training"], "steps": 7}})
    wide = Space.parse("specialist: gru\nchannel_mixing: {expand: {choice: [1, 3]}}").genome(
        {"channel_mixing.expand": 3}
    )
    assert (wide.channel_mixing.kind, wide.channel_mixing.expand) == ("swiglu", 3)


def test_a_space_keeps_its_source() -> None:
    assert yaml.safe_load(Space.parse(PLANTED).text)["layers"]["heads"] == {"choice": [1, 2]}
    assert Space.load("emergence").name == "emergence"
