"""Genomes: what they refuse, what they say, and that one architecture has one hash."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import itnas
from itnas import genes, genome
from itnas.features import FEATURES
from itnas.genome import Genome
from itnas.operator.activation import ACTIVATIONS, OUTPUT_MAPS
from itnas.operator.normaliser import NORMALISERS

FLOATS = st.floats(1e-4, 1.0)
MLP = st.builds(
    genes.MlpKernel,
    features=st.lists(st.sampled_from(FEATURES), unique=True).map(tuple),
    hidden=st.integers(1, 64),
    layers=st.integers(0, 3),
    activation=st.sampled_from(get_args(genes.Activation)),
    products=st.integers(1, 3),
    product_dim=st.integers(1, 16),
    fourier=st.sampled_from(["fixed", "learned"]),
    damped=st.booleans(),
    shared=st.booleans(),
)
FACTORISED = st.builds(
    genes.FactorisedKernel,
    rank=st.integers(1, 32),
    learned_rank=st.booleans(),
    layers=st.integers(0, 2),
    output=st.tuples(*[st.sampled_from(get_args(genes.OutputMap))] * 2),
    decay=st.sampled_from(["none", "position", "clock"]),
)
QUADRATURES = st.one_of(
    st.just(genes.Full()),
    st.builds(genes.Window, width=st.floats(1, 64)),
    st.builds(genes.MonteCarlo, samples=st.integers(1, 64)),
    st.builds(genes.Importance, samples=st.integers(1, 64), near=FLOATS),
)
INTEGRALS = st.builds(
    genes.Integral,
    heads=st.integers(1, 4),
    value_dim=st.none() | st.integers(1, 32),
    kernel=MLP | FACTORISED,
    normaliser=st.sampled_from(["none", "sum", "softmax", "sigmoid"]),
    quadrature=QUADRATURES,
    iterate=st.integers(1, 3),
)
MIXERS = st.one_of(
    INTEGRALS, st.sampled_from([genes.Gru(), genes.Lstm(), genes.Attention(), genes.SelectiveSsm(heads=4)])
)
GENOMES = st.builds(
    Genome,
    width=st.sampled_from([16, 32, 64]),
    depth=st.just(2),
    layers=st.lists(MIXERS, min_size=2, max_size=2).map(tuple) | MIXERS.map(lambda layer: (layer,)),
    causal=st.none() | st.booleans(),
    channel_mixing=st.builds(genes.ChannelMixing, kind=st.sampled_from(["none", "mlp", "swiglu"])),
    training=st.builds(
        genes.Training, learning_rates=st.lists(FLOATS, min_size=1, max_size=3).map(tuple), clip=st.none() | FLOATS
    ),
)


@given(GENOMES)
def test_a_genome_survives_every_file_format(one: Genome) -> None:
    assert Genome.from_dict(one.canonical().to_dict()) == one.canonical()
    assert Genome.from_dict(one.to_dict()).hash == one.hash
    assert Genome.from_dict(json.loads(json.dumps(one.to_dict()))).canonical() == one.canonical()


@given(GENOMES)
def test_canonical_form_is_a_fixed_point_and_keeps_the_hash(one: Genome) -> None:
    canonical = one.canonical()
    assert canonical.canonical() == canonical
    assert canonical.hash == one.hash
    assert hash(canonical) == hash(one.canonical())


@given(GENOMES, GENOMES)
def test_equal_hashes_mean_equal_canonical_forms(one: Genome, other: Genome) -> None:
    assert (one.hash == other.hash) == (one.canonical() == other.canonical())


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_files(tmp_path: Path, ending: str) -> None:
    one = Genome(depth=2, layers=(genes.Gru(), genes.Integral(quadrature=genes.Window(width=3.0))))
    path = tmp_path / "deep" / f"genome.{ending}"
    one.save(path)
    assert Genome.load(path) == one
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def same(*data: dict[str, object]) -> bool:
    return len({Genome.from_dict(each).hash for each in data}) == 1


def test_what_has_no_effect_does_not_change_the_hash() -> None:
    assert same({"layers": {"kernel": {"layers": 0, "hidden": 3}}}, {"layers": {"kernel": {"layers": 0}}})
    assert same(
        {"layers": {"kernel": {"features": ["content", "offset"], "product_dim": 5}}},
        {"layers": {"kernel": {"features": ["offset", "content"]}}},
    )
    assert same({"layers": {"heads": 1, "kernel": {"shared": True}}}, {"layers": {"heads": 1}})
    assert same({"layers": ["gru", "gru"]}, {"layers": "gru"}, {"layers": [{"mixer": "gru"}]})
    assert same({"width": 32, "layers": {"heads": 4, "value_dim": 8}}, {"width": 32, "layers": {"heads": 4}})
    assert same({"symmetry": "translation"}, {})
    assert same({"training": {"weight_decay": -0.0}}, {"training": {"weight_decay": 0.0}})
    assert same({"training": {"rank_penalty": 0.3}}, {})
    assert same({"training": {"learning_rates": [0.01, 0.003, 0.01]}}, {"training": {"learning_rates": [0.003, 0.01]}})
    assert same({"channel_mixing": {"kind": "none", "expand": 7}}, {"channel_mixing": {"kind": "none"}})
    assert same({"depth": 1, "tied": True}, {"depth": 1})


def test_what_has_an_effect_does() -> None:
    learned = {"kernel": {"kind": "factorised", "learned_rank": True}}
    changed = [
        {},
        {"width": 16},
        {"depth": 1},
        {"tied": True},
        {"causal": True},
        {"layers": {"kernel": {"hidden": 17}}},
        {"layers": {"value_dim": 17}},
        {"layers": {"iterate": 2}},
        {"layers": ["gru", "lstm"]},
        {"layers": ["lstm", "gru"]},
        {"layers": {"quadrature": {"kind": "window", "width": 4}}},
        {"layers": {"quadrature": {"kind": "window", "width": 5}}},
        {"training": {"steps": 7}},
        {"training": {"clip": None}},
        {"layers": learned},
        {"layers": learned, "training": {"rank_penalty": 0.5}},
        {"channel_mixing": {"activation": "relu"}},
    ]
    hashes = [Genome.from_dict(each).hash for each in changed]
    assert len(set(hashes)) == len(changed)


def test_hashes_never_change() -> None:
    """They name trials in runs that exist: a change here needs a new schema version and a migration."""
    assert Genome().hash == "65da4529cf23c894"
    assert Genome(layers=(genes.Gru(),)).hash == "8d9b6012e2d952fe"


def test_the_hash_does_not_depend_on_the_process() -> None:
    code = "from itnas.genome import Genome; print(Genome(width=48).hash)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == Genome(width=48).hash


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"widht": 3}, "genome: unknown setting 'widht'; did you mean 'width'?"),
        (
            {"layers": {"kernel": {"hiden": 3}}},
            "genome: layers.0.kernel: unknown setting 'hiden'; did you mean 'hidden'?",
        ),
        ({"layers": "gruu"}, "got 'gruu'; did you mean 'gru'?"),
        ({"layers": {"normaliser": "softmx"}}, "genome: layers.0.normaliser: must be 'none', 'sum', "),
        ({"width": "32"}, "genome: width: input should be a valid integer, got '32'"),
        ({"width": True}, "genome: width: input should be a valid integer, got True"),
        ({"width": 0}, "genome: width: input should be greater than or equal to 1, got 0"),
        ({"tied": "False"}, "genome: tied: input should be a valid boolean, got 'False'"),
        ({"layers": []}, "layers must be one for all blocks, or depth=2 of them, got 0"),
        ({"layers": ["gru"] * 3}, "layers must be one for all blocks, or depth=2 of them, got 3"),
        ({"layers": ["gru", "lstm"], "tied": True}, "tied blocks share their weights"),
        ({"width": 33, "layers": "attention"}, "layers.0: width=33 must be a multiple of heads=2"),
        ({"schema": 7}, "schema 7 is newer than this itnas, which reads up to 1"),
        ({"schema": 0}, "schema 0 is unknown"),
        ({"symmetry": "permutation"}, "symmetry=permutation is demanded, but the layers respect translation"),
        ({"layers": {"quadrature": {"kind": "window"}}}, "layers.0.quadrature.width: field required"),
        ({"training": {"learning_rates": []}}, "training.learning_rates: at least one learning rate is needed"),
        ({"training": {"learning_rates": [0.0]}}, "input should be greater than 0, got 0.0"),
        ({"training": {"betas": [0.9, 1.0]}}, "betas must lie in [0, 1), got (0.9, 1.0)"),
        ({"training": {"clip": math.inf}}, "Out of range float values are not JSON compliant"),
        ({"attention": {"heads": 2}}, "genome: unknown setting 'attention'"),
        ({"layers": {"window": 16}}, "genome: layers.0: unknown setting 'window'"),
        ({"layers": {"quadrature": {"kind": "full", "window": 3}}}, "layers.0.quadrature: unknown setting 'window'"),
        ({"schema": True}, "genome: schema: "),
        ({"width": "x" * 5000}, "xxx...xxx"),
        ([1], "genome: a mapping of settings is expected, got list"),
        ({"width": {1, 2}}, "only texts, numbers, lists and mappings are allowed"),
    ],
)
def test_bad_genomes_get_one_sentence(data: object, message: str) -> None:
    with pytest.raises(ValueError, match=r"genome") as caught:
        Genome.from_dict(data)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width: 3\nwidth: 4\n", "line 2: the key 'width' is given twice"),
        ("width: [3\n", "not valid YAML"),
        ("? [1]\n: 3\n", "line 1: a key must be a text"),
        ("layers: " + "[" * 3000, "nested too deeply"),
        ("!!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
    ],
)
def test_bad_files_name_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        Genome.load(path)
    assert str(caught.value).startswith(str(path))


def test_numbers_like_1e_3_are_numbers(tmp_path: Path) -> None:
    """YAML 1.1 takes them for texts."""
    path = tmp_path / "genome.yaml"
    path.write_text("training: {learning_rates: [1e-3, 2E-2], weight_decay: 0}\n")
    assert Genome.load(path).training.learning_rates == (0.001, 0.02)


def test_files_of_an_earlier_schema_are_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(data: dict[str, object]) -> dict[str, object]:
        return {("width" if key == "channels" else key): value for key, value in data.items()}

    monkeypatch.setitem(genome.MIGRATIONS, 0, rename)
    assert Genome.from_dict({"schema": 0, "channels": 48}) == Genome(width=48)


def test_symmetries_are_those_of_the_layer_that_is_built() -> None:
    from itnas.operator.symmetry import symmetries

    for features in (("content", "product"), ("distance", "content"), ("offset",), ("position",), ("clock",), ()):
        for quadrature in (genes.Full(), genes.MonteCarlo(samples=4), genes.Importance(samples=4)):
            gene = genes.Integral(kernel=genes.MlpKernel(features=features), quadrature=quadrature)
            built = itnas.build(Genome(layers=(gene,), causal=False), "digits").blocks[0].mixer
            assert Genome(layers=(gene,)).symmetries() == symmetries(built), (features, quadrature)


def test_choices_are_the_operators() -> None:
    assert set(get_args(genes.Activation)) == set(ACTIVATIONS)
    assert set(get_args(genes.OutputMap)) == set(OUTPUT_MAPS)
    assert set(get_args(genes.Integral.model_fields["normaliser"].annotation)) == set(NORMALISERS)


def test_genomes_need_no_torch() -> None:
    code = "import sys, itnas; itnas.Genome().hash; print('torch' in sys.modules, 'numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
