"""`mixer: integral`: genes into an `IntegralTransform`."""

from __future__ import annotations

from itnas import genes
from itnas.kernel_kinds import OtherKernel
from itnas.models.mixers.base import Placement, register
from itnas.operator import FactorisedKernel, Full, Importance, IntegralTransform, MLPKernel, MonteCarlo, Window
from itnas.operator.kernel import KernelSpec
from itnas.operator.quadrature import Quadrature


@register("integral")
def integral(layer: genes.Integral, placement: Placement) -> IntegralTransform:
    return IntegralTransform(
        placement.width,
        heads=layer.heads,
        kernel=kernel_spec(layer.kernel, placement.position_dim, placement.modalities),
        normaliser=layer.normaliser,
        measure=layer.measure,
        quadrature=quadrature(layer.quadrature),
        value_dim=layer.value_dim,
        causal=placement.causal,
        iterate=layer.iterate,
        rms_norm=layer.rms_norm,
        pointwise=layer.pointwise,
        modalities=placement.modalities,
        seed=placement.seed,
        index=placement.index,
    )


def kernel_spec(kernel: genes.Kernel, position_dim: int, modalities: int = 1) -> KernelSpec:
    """The operator's description of a kernel, for as many axes of space and modalities as there are."""
    axes = position_dim or None
    if isinstance(kernel, OtherKernel):
        return kernel.spec(axes, modalities)
    if isinstance(kernel, genes.FactorisedKernel):
        return FactorisedKernel(
            rank=kernel.rank,
            hidden=kernel.hidden,
            layers=kernel.layers,
            activation=kernel.activation,
            output=kernel.output,
            decay=None if kernel.decay == "none" else kernel.decay,
            learned_rank=kernel.learned_rank,
            inputs=kernel.inputs,
            position_dim=axes,
        )
    waves = "fourier" in kernel.features
    return MLPKernel(
        hidden=kernel.hidden,
        layers=kernel.layers,
        activation=kernel.activation,
        features=kernel.features,
        products=kernel.products,
        product_dim=kernel.product_dim,
        frequencies=kernel.frequencies,
        fourier=kernel.fourier if waves else "fixed",
        damped=kernel.damped and waves,
        shared=kernel.shared,
        position_dim=axes,
        modalities=modalities,
    )


def quadrature(gene: genes.Full | genes.Window | genes.MonteCarlo | genes.Importance) -> Quadrature:
    if isinstance(gene, genes.Window):
        return Window(gene.width)
    if isinstance(gene, genes.MonteCarlo):
        return MonteCarlo(gene.samples, gene.tile)
    if isinstance(gene, genes.Importance):
        return Importance(gene.samples, gene.near, gene.uniform, gene.tile)
    return Full()
