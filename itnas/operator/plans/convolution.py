"""A convolution on a zero-padded lattice by FFT, as a kernel with two passes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from itnas.operator.plans.compiled import Tensors


def quick_length(length: int) -> int:
    """The smallest even 2^a 3^b 5^c from `length` on."""
    best = 2
    while best < length:
        best *= 2
    five = 1
    while five < best:
        odd = five
        while odd < best:
            # The smallest power of two, at least 2, that lifts this odd number to the length.
            best = min(best, odd * max(2, 1 << (-(-length // odd) - 1).bit_length()))
            odd *= 3
        five *= 5
    return best


@dataclass(frozen=True)
class Lengths:
    """Of the lattice, and of the transforms, per axis."""

    lattice: tuple[int, ...]
    transform: tuple[int, ...]

    def forward(self, values: Tensor) -> Tensor:
        """[B, H, N, D] -> [B, H, D, *F]."""
        laid_out = torch.unflatten(values.transpose(2, 3), 3, self.lattice)
        spectrum: Tensor = torch.fft.rfftn(laid_out, s=self.transform, dim=self._dims)
        return spectrum

    def inverse(self, spectrum: Tensor) -> Tensor:
        """[B, H, D, *F] -> [B, H, N, D]."""
        y: Tensor = torch.fft.irfftn(spectrum, s=self.transform, dim=self._dims)
        for axis, n in enumerate(self.lattice, start=3):
            y = y.narrow(axis, 0, n)
        return y.flatten(3).transpose(2, 3)

    @property
    def _dims(self) -> tuple[int, ...]:
        return tuple(range(-len(self.lattice), 0))


class Convolution:
    """irfft(spectrum rfft(v)). Its gradient takes an rfft and an irfft; torch's rfft gradient is a full complex FFT."""

    name = "fourier"

    def forward(self, choices: Lengths, tensors: Tensors) -> tuple[Tensor, Tensor]:
        values, spectrum = tensors
        assert values is not None
        assert spectrum is not None
        transformed = choices.forward(values)
        return choices.inverse(transformed * spectrum), transformed

    def backward(
        self,
        choices: Lengths,
        tensors: Tensors,
        y: Tensor,
        kept: Tensor | None,
        grad: Tensor,
    ) -> tuple[Tensor, Tensor]:
        spectrum = tensors[1]
        assert spectrum is not None
        assert kept is not None
        turned = choices.forward(grad)
        d_spectrum = (turned * kept.conj()).sum(0, keepdim=True).sum(2, keepdim=True)
        # A half spectrum stands for the whole: all but the ends of the last axis count twice.
        count = math.prod(choices.transform)
        twice = torch.full(spectrum.shape[-1:], 2.0 / count, dtype=grad.dtype, device=grad.device)
        twice[0] = twice[-1] = 1.0 / count
        return choices.inverse(turned.mul_(spectrum.conj())), d_spectrum * twice
