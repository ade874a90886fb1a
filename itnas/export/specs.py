"""From a part of a trained network to the spec of its plain twin. Sizes are read off the weights, as they are now."""

from __future__ import annotations

from functools import singledispatch

from torch import nn

from itnas.export.pieces import Spec
from itnas.models.channel_mixing import Mlp, SwiGlu
from itnas.models.encoder import Numbers, Tokens
from itnas.models.mixers.attention import Attention
from itnas.models.mixers.convolution import Convolution
from itnas.models.mixers.gated_convolution import GatedConvolution
from itnas.models.mixers.gru import Gru
from itnas.models.mixers.lstm import Lstm
from itnas.models.mixers.recurrence import Cell, Recurrence
from itnas.models.mixers.selective_ssm import Scan, SelectiveSsm
from itnas.models.readout import Decoded, Points, Pooled
from itnas.operator import IntegralTransform
from itnas.operator.activation import ACTIVATIONS
from itnas.operator.kernel import FactorisedKernelModule, MLPKernelModule
from itnas.operator.kernel.factorised import Factor
from itnas.operator.quadrature import Importance, MonteCarlo, Window

NORMALISERS = {"none": "Unnormalised", "sigmoid": "SigmoidOf", "mean": "Mean", "sum": "Ratio", "softmax": "SoftmaxOf"}


@singledispatch
def spec_of(part: nn.Module) -> Spec:
    """{"piece": the twin's class, and the arguments of its constructor}."""
    raise ValueError(
        f"a {type(part).__name__} has no form in plain torch: export with --format weights, which keeps it as it is"
    )


@spec_of.register
def _(part: IntegralTransform) -> Spec:
    if isinstance(part.quadrature, (MonteCarlo, Importance)):
        raise ValueError(
            f"layer {part.index} draws points at random (quadrature {type(part.quadrature).__name__}), which a fixed "
            "program cannot: export with --format weights, or with --format native, which replaces the layer"
        )
    if part.balance is not None:
        raise ValueError("the measure balanced has no form in plain torch: export with --format weights")
    return {
        "piece": "IntegralTransform",
        "width": part.dim,
        "heads": part.heads,
        "value_dim": part.value_dim,
        "kernel": spec_of(part.kernel_module),
        "normaliser": {"piece": NORMALISERS[part.normaliser.name]},
        "clock": part.clock is not None,
        "measure": part.measure,
        "window": part.quadrature.width if isinstance(part.quadrature, Window) else None,
        "causal": part.causal,
        "iterate": part.iterate,
        "rms_norm": part.norm is not None,
        "pointwise": part.pointwise is not None,
        "bias": part.out.bias is not None,
    }


@spec_of.register
def _(part: MLPKernelModule) -> Spec:
    spec, features = part.spec, part.spec.features
    if "modality" in features:
        raise ValueError("the feature modality has no form in plain torch: export with --format weights")
    told: Spec = {
        "piece": "MlpKernel",
        "width": 0 if part.content_row is None else part.content_row.shape[2],
        "heads": part.heads,
        "features": list(features),
        "layers": spec.layers,
        "axes": part.axes.count,
        "shared": spec.shared,
    }
    if part.query is not None:
        told |= {"width": part.query.shape[2], "products": spec.products, "product_dim": spec.product_dim}
    if spec.layers:
        told |= {"hidden": spec.hidden, "activation": spec.activation}
    if "fourier" in features:
        told |= {
            "frequencies": spec.frequencies,
            "learned_frequencies": spec.fourier == "learned",
            "damped": spec.damped,
        }
    return told


@spec_of.register
def _(part: FactorisedKernelModule) -> Spec:
    return {
        "piece": "FactorisedKernel",
        "heads": part.heads,
        "rank": part.phi.biases[-1].shape[1],
        "phi": spec_of(part.phi),
        "psi": spec_of(part.psi),
        "decay": part.spec.decay or "none",
        "gated": part.gates is not None,
    }


@spec_of.register
def _(part: Factor) -> Spec:
    return {
        "piece": "Factor",
        "width": 0 if part.content is None else part.content.shape[2],
        "heads": part.biases[0].shape[0],
        "widths": [bias.shape[1] for bias in part.biases],
        "inputs": list(part.inputs),
        "axes": 0 if part.position is None else part.position.shape[2],
        "activation": part.activation,
        "output": part.output,
    }


@spec_of.register
def _(part: Attention) -> Spec:
    return {
        "piece": "Attention",
        "width": part.out.in_features,
        "heads": part.heads,
        "rotary": part.rotary,
        "causal": part.causal,
    }


@spec_of.register
def _(part: Convolution) -> Spec:
    """Along a line; on a grid its shape is still to be told."""
    return {"piece": "Convolution", "width": part.width, "taps": part.taps, "left": part.left}


@spec_of.register
def _(part: GatedConvolution) -> Spec:
    taps = part.taps.shape[1]
    left = taps - 1 if part.causal else (taps - 1) // 2
    return {"piece": "GatedConvolution", "width": part.width, "taps": taps, "left": left}


@spec_of.register
def _(part: Recurrence) -> Spec:
    sizes = [cell.weight_hh.shape[1] for cell in part.cells if isinstance(cell, Cell)]
    if type(part) not in (Gru, Lstm):
        raise ValueError(f"a {part.kind} has no form in plain torch: export with --format weights")
    return {"piece": "Gru" if type(part) is Gru else "Lstm", "width": part.out.out_features, "sizes": sizes}


@spec_of.register
def _(part: SelectiveSsm) -> Spec:
    scans = [scan for scan in part.scans if isinstance(scan, Scan)]
    return {
        "piece": "SelectiveSsm",
        "width": scans[0].out.out_features,
        "inner": [scan.inner for scan in scans],
        "heads": [scan.heads for scan in scans],
        "state": scans[0].state,
        "taps": scans[0].taps.shape[1],
    }


@spec_of.register
def _(part: Mlp) -> Spec:
    names = {function: name for name, function in ACTIVATIONS.items()}
    return {
        "piece": "Mlp",
        "width": part.up.in_features,
        "hidden": part.up.out_features,
        "activation": names[part.activation],
    }


@spec_of.register
def _(part: SwiGlu) -> Spec:
    return {"piece": "SwiGlu", "width": part.up.in_features, "hidden": part.down.in_features}


@spec_of.register
def _(part: Tokens) -> Spec:
    return {"piece": "Tokens", "vocabulary": part.vectors.num_embeddings, "width": part.vectors.embedding_dim}


@spec_of.register
def _(part: Numbers) -> Spec:
    return {"piece": "Numbers", "channels": part.map.in_features, "width": part.map.out_features}


@spec_of.register
def _(part: Points) -> Spec:
    return {"piece": "EachPoint", "width": part.map.in_features, "outputs": part.map.out_features}


@spec_of.register
def _(part: Pooled) -> Spec:
    return {"piece": "Pooled", "width": part.map.in_features, "outputs": part.map.out_features}


@spec_of.register
def _(part: Decoded) -> Spec:
    return {"piece": "Decoded", "width": part.hidden.in_features, "outputs": part.map.out_features}
