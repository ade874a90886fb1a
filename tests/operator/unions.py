"""Unions of several kinds of points, and layers on them."""

import torch
from torch import Tensor

from itnas import Cloud, Grid, IntegralTransform, MLPKernel, Sequence, Set, Union

CPU = torch.device("cpu")
FEATURES = ("offset", "fourier", "distance", "position", "content", "product", "modality")
DIM = 6


def image_and_text(valid: Tensor | None = None) -> Union:
    return Union([Grid((3, 4), 0.5), Sequence(valid=valid)], [12, 5], ["image", "text"])


def cloud_and_text() -> Union:
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(2, 12, 3, generator=generator)
    return Union([Cloud(points, torch.full((12,), 1 / 12)), Sequence()], [12, 5], ["cloud", "text"])


def two_images() -> Union:
    return Union([Grid((2, 3)), Grid((2, 2)), Sequence()], [6, 4, 7], ["left", "right", "text"])


def times_and_set() -> Union:
    return Union([Sequence(torch.linspace(0, 5, 12) ** 1.5), Set()], [12, 5], ["series", "set"])


DOMAINS = {
    "image and text": image_and_text,
    "padded text": lambda: image_and_text(torch.arange(5) < torch.tensor([[3], [5]])),
    "cloud and text": cloud_and_text,
    "two images": two_images,
    "times and set": times_and_set,
}


def layer_on(
    domain: Union, features: tuple[str, ...] = FEATURES, length: int = 17, **settings: object
) -> IntegralTransform:
    torch.manual_seed(0)
    geometry = domain.geometry(2, length, CPU)
    parts = len(domain.parts)
    kernel = MLPKernel(hidden=5, features=features, modalities=parts, position_dim=geometry.axes)
    layer = IntegralTransform(
        DIM,
        heads=2,
        kernel=kernel,
        modalities=parts,
        value_dim=3,
        **settings,  # type: ignore[arg-type]
    )
    return layer.double()


def points(size: int = 2, length: int = 17) -> Tensor:
    return torch.randn(size, length, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
