"""The parts of a genome: kernels, quadratures, mixers, channel mixing and training settings.

Names and meanings are those of `itnas.operator`; a test holds the two together. Nothing here needs torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WrapValidator, field_validator, model_validator

from itnas.features import FEATURES, Feature
from itnas.kernel_kinds import OtherKernel, other_or
from itnas.settings import Settings

Activation = Literal["relu", "relu2", "silu", "gelu", "sin"]
OutputMap = Literal["identity", "elu1", "softplus", "exp", "sigmoid"]
Count = Annotated[int, Field(ge=1)]


def _named(text_is: str, default: str) -> BeforeValidator:
    """Let a bare text name an alternative (`quadrature: full`), and a mapping that names none be the default one."""

    def named(value: Any) -> Any:
        if isinstance(value, str):
            return {text_is: value}
        return {text_is: default, **value} if isinstance(value, dict) and text_is not in value else value

    return BeforeValidator(named)


class MlpKernel(Settings):
    """k(i, j) = MLP(pair features)."""

    kind: Literal["mlp"] = "mlp"
    features: Annotated[tuple[Feature, ...], Field(strict=False)] = ("offset", "content", "product")
    hidden: Count = 16
    layers: Annotated[int, Field(ge=0, le=3)] = 1
    activation: Activation = "relu"
    products: Count = 1
    product_dim: Count = 8
    frequencies: Count = 6
    fourier: Literal["fixed", "learned"] = "fixed"
    damped: bool = False
    shared: bool = False

    @field_validator("features")
    @classmethod
    def _once_each(cls, features: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(features)) < len(features):
            raise ValueError(f"a feature is named twice in {', '.join(features)}")
        return tuple(sorted(features, key=FEATURES.index))

    def irrelevant(self) -> set[str]:
        dropped: set[str] = set()
        if self.layers == 0:
            dropped |= {"hidden", "activation"}
        if "product" not in self.features:
            dropped |= {"products", "product_dim"}
        if "fourier" not in self.features:
            dropped |= {"frequencies", "fourier", "damped"}
        return dropped

    def reads(self) -> set[str]:
        """Features that decide which symmetries hold."""
        return set(self.features)


class FactorisedKernel(Settings):
    """k(i, j) = sum_r phi_r(i) psi_r(j), each decaying with distance or with learned time if wanted."""

    kind: Literal["factorised"] = "factorised"
    rank: Count = 8
    learned_rank: bool = False
    inputs: Annotated[tuple[Literal["content", "position"], ...], Field(strict=False)] = ("content",)
    hidden: Count = 16
    layers: Annotated[int, Field(ge=0, le=2)] = 0
    activation: Activation = "silu"
    output: Annotated[tuple[OutputMap, OutputMap], Field(strict=False)] = ("identity", "identity")
    decay: Literal["none", "position", "clock"] = "none"

    @field_validator("output", mode="before")
    @classmethod
    def _one_for_both(cls, output: Any) -> Any:
        return (output, output) if isinstance(output, str) else output

    @field_validator("inputs")
    @classmethod
    def _once_each(cls, inputs: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(inputs)) < len(inputs):
            raise ValueError(f"an input is named twice in {', '.join(inputs)}")
        return tuple(sorted(inputs))

    def irrelevant(self) -> set[str]:
        return {"hidden", "activation"} if self.layers == 0 else set()

    def reads(self) -> set[str]:
        decay = {"position": {"offset"}, "clock": {"clock"}, "none": set()}[self.decay]
        return set(self.inputs) | decay


if TYPE_CHECKING:
    Kernel = MlpKernel | FactorisedKernel | OtherKernel
else:
    Kernel = Annotated[
        MlpKernel | FactorisedKernel, Field(discriminator="kind"), WrapValidator(other_or), _named("kind", "mlp")
    ]


class Full(Settings):
    """Every point."""

    kind: Literal["full"] = "full"


class Window(Settings):
    """The points closer than `width`."""

    kind: Literal["window"] = "window"
    width: Annotated[float, Field(gt=0)]


class MonteCarlo(Settings):
    """`samples` points drawn anew for each tile of queries."""

    kind: Literal["monte_carlo"] = "monte_carlo"
    samples: Count
    tile: Count = 16


class Importance(Settings):
    """The points closer than `near`, and `samples` of the others by importance."""

    kind: Literal["importance"] = "importance"
    samples: Count
    near: Annotated[float, Field(ge=0)] = 8.0
    uniform: Annotated[float, Field(gt=0, le=1)] = 0.25
    tile: Count = 16


Quadrature = Annotated[Full | Window | MonteCarlo | Importance, Field(discriminator="kind"), _named("kind", "full")]


class Integral(Settings):
    """The integral transform."""

    mixer: Literal["integral"] = "integral"
    heads: Count = 2
    value_dim: Count | None = None  # width of V per head; None: width / heads
    kernel: Kernel = MlpKernel()
    normaliser: Literal["none", "sum", "softmax", "sigmoid", "mean"] = "none"
    measure: Literal["domain", "uniform", "clock", "balanced"] = "domain"
    quadrature: Quadrature = Full()
    iterate: Count = 1
    rms_norm: bool = True
    pointwise: bool = True

    def canonical(self) -> Self:
        layer = super().canonical()
        if layer.heads == 1 and isinstance(layer.kernel, MlpKernel):
            layer = layer.model_copy(update={"kernel": layer.kernel.model_copy(update={"shared": False})})
        return layer

    def reads(self) -> set[str]:
        """Features that decide which symmetries hold, the quadrature's distances included."""
        near = {"distance"} if self.quadrature.kind in ("window", "importance") else set()
        return self.kernel.reads() | near | ({"clock"} if self.measure == "clock" else set())


class Attention(Settings):
    """Softmax attention, with rotary positions where points stand on a regular grid."""

    mixer: Literal["attention"] = "attention"
    heads: Count = 2
    rotary: bool = True


class Convolution(Settings):
    """A convolution with `taps` taps along each axis, all channels to all channels."""

    mixer: Literal["convolution"] = "convolution"
    taps: Count = 5


class Gru(Settings):
    """A gated recurrent unit (two of half width, one a direction, where looking ahead is allowed)."""

    mixer: Literal["gru"] = "gru"


class Lstm(Settings):
    """A long short-term memory (two of half width, one a direction, where looking ahead is allowed)."""

    mixer: Literal["lstm"] = "lstm"


class SelectiveSsm(Settings):
    """A selective state-space layer: short convolution, scan with learned time, output gate."""

    mixer: Literal["selective-ssm"] = "selective-ssm"
    heads: Count = 4
    state: Count = 16
    expand: Count = 2
    taps: Count = 4


class GatedConvolution(Settings):
    """A depthwise convolution between two gates that the input sets."""

    mixer: Literal["gated-convolution"] = "gated-convolution"
    taps: Count = 3


Mixer = Annotated[
    Integral | Attention | Convolution | Gru | Lstm | SelectiveSsm | GatedConvolution,
    Field(discriminator="mixer"),
    _named("mixer", "integral"),
]


class ChannelMixing(Settings):
    """What each point does by itself after every mixer."""

    kind: Literal["none", "mlp", "swiglu"] = "mlp"
    expand: Count = 2  # hidden width over width
    activation: Activation = "gelu"

    def irrelevant(self) -> set[str]:
        return {"none": {"expand", "activation"}, "mlp": set(), "swiglu": {"activation"}}[self.kind]


Rate = Annotated[float, Field(gt=0, le=10)]


class Training(Settings):
    """How a genome's replicas are trained; each seed is trained with every learning rate."""

    steps: Count | None = None  # None: as many as the task recommends
    batch_size: Count | None = None  # None: as the task recommends
    learning_rates: Annotated[tuple[Rate, ...], Field(strict=False)] = (3e-3, 1e-2)
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    betas: Annotated[tuple[float, float], Field(strict=False)] = (0.9, 0.98)
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1  # share of the budget in which the rate rises
    clip: Annotated[float, Field(gt=0)] | None = 1.0  # largest gradient norm; None: any
    rank_penalty: Annotated[float, Field(ge=0)] = 0.01  # what an open rank of a learned-rank kernel costs

    @field_validator("learning_rates")
    @classmethod
    def _sorted(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if not rates:
            raise ValueError("at least one learning rate is needed")
        return tuple(sorted(set(rates)))

    @field_validator("weight_decay", "warmup", "rank_penalty")
    @classmethod
    def _no_minus_zero(cls, value: float) -> float:
        return value + 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must lie in [0, 1), got {self.betas}")
        return self
