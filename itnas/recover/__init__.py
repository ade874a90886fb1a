"""Classical layers rebuilt as integral transforms, weight for weight."""

from itnas.recover.attention import linear_attention
from itnas.recover.dispatch import from_module
from itnas.recover.graph import deep_sets, graph_attention, graph_convolution
from itnas.recover.ssm import s4d, selective_scan

__all__ = [
    "deep_sets",
    "from_module",
    "graph_attention",
    "graph_convolution",
    "linear_attention",
    "s4d",
    "selective_scan",
]
