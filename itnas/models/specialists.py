"""The baselines: classical architectures under their own names, usable wherever a genome is.

`transformer` is made of torch's own layers; `transformer/operator` is the like of it in integral transforms, where they
can express it.
"""

from __future__ import annotations

from itnas.genes import (
    Attention,
    ChannelMixing,
    Convolution,
    FactorisedKernel,
    GatedConvolution,
    Gru,
    Integral,
    Lstm,
    Mixer,
    MlpKernel,
    SelectiveSsm,
    Window,
)
from itnas.genome import Genome
from itnas.registry import check_choice

_ATTENTION = Integral(kernel=MlpKernel(layers=0, features=("fourier", "product"), product_dim=16), normaliser="softmax")
_CONVOLUTION = Integral(heads=4, kernel=MlpKernel(features=("offset", "fourier")), quadrature=Window(width=5))
# PointConv (Wu et al., arXiv 1811.07246): a convolution whose kernel is an MLP of where a point lies from another.
_POINTS = Integral(heads=4, kernel=MlpKernel(layers=2, features=("offset", "distance")), normaliser="mean")

SPECIALISTS: dict[str, tuple[Mixer, ...]] = {
    "convnet": (Convolution(),),
    "transformer": (Attention(),),
    "gru": (Gru(),),
    "lstm": (Lstm(),),
    "selective-ssm": (SelectiveSsm(),),
    "gated-conv-attention": (GatedConvolution(), Attention()),
    "point-network": (_POINTS,),
    "convnet/operator": (_CONVOLUTION,),
    "transformer/operator": (_ATTENTION,),
    "selective-ssm/operator": (Integral(heads=4, kernel=FactorisedKernel(rank=16, decay="clock"), measure="clock"),),
    "gated-conv-attention/operator": (_CONVOLUTION, _ATTENTION),
}
# Those that a sweep begins with, unless it is told others: point networks are for clouds and grids.
DEFAULT_SPECIALISTS = ("convnet", "transformer", "gru", "lstm", "selective-ssm", "gated-conv-attention")


def specialist(name: str, *, width: int = 32, depth: int = 2) -> Genome:
    """The genome of a specialist; a stripe of two kinds of layer repeats until the depth is reached."""
    check_choice("specialist", name, SPECIALISTS)
    layers = SPECIALISTS[name]
    striped = tuple(layers[number % len(layers)] for number in range(depth)) if len(layers) > 1 else layers
    return Genome(width=width, depth=depth, layers=striped, channel_mixing=ChannelMixing(kind="swiglu"))
