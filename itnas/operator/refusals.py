"""Settings of a layer that contradict each other, by themselves or on a domain: said here once, for layers and for
what a genome would cost."""

from __future__ import annotations

from itnas.operator.domain import Geometry, require_order
from itnas.operator.quadrature import Full, Importance, Quadrature, Window


def check_settings(normaliser: str, measure: str, quadrature: Quadrature, *, causal: bool) -> None:
    """Refuse what no domain could mend."""
    if causal and normaliser == "mean":
        _check_mean(quadrature)
    if causal and measure == "balanced":
        raise ValueError(
            "measure 'balanced' divides by how many points there are, those ahead included, which a causal layer must "
            "not know: use measure 'domain'"
        )


def check_domain(geometry: Geometry, normaliser: str, measure: str, quadrature: Quadrature, *, causal: bool) -> None:
    """Refuse what has no meaning on this domain."""
    if causal:
        require_order("causal=True", geometry)
    if normaliser == "mean" and not geometry.bounded and measure != "balanced":
        _check_mean(quadrature)
    kind = type(quadrature).__name__
    if geometry.edges is not None and not isinstance(quadrature, Full):
        raise ValueError(f"on a Graph the edges say who sees whom, so quadrature {kind} has no place: use 'full'")
    near = isinstance(quadrature, Window) or (isinstance(quadrature, Importance) and quadrature.near > 0)
    if near and geometry.positions is None:
        raise ValueError(f"quadrature {kind} needs distances, and a {geometry.name} has no positions: use MonteCarlo")


def _check_mean(quadrature: Quadrature) -> None:
    if not isinstance(quadrature, Window):
        raise ValueError(
            "normaliser 'mean' divides by the measure of what a point sees, which on an unbounded sequence grows with "
            "its length: a trained layer would not transfer. Use quadrature=itnas.Window(width), or normaliser 'none'"
        )
