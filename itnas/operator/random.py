"""Counter-based random numbers: a hash of (seed, step, layer, counter), so that no stream has to be kept or skipped.

The numbers do not depend on the batch, on how replicas are stacked or on which process computes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

_WORD = 0xFFFFFFFF


@dataclass(frozen=True)
class SampleKey:
    """What one evaluation's random numbers come from; `seed` and `step` are int64 tensors, so that replicas stack.

    `application` counts the uses of one layer in one step: an iterated layer samples anew each time.
    """

    seed: Tensor
    step: Tensor
    layer: int
    application: int = 0

    def uniform(self, counter: Tensor) -> Tensor:
        """Independent numbers in (0, 1), float64, one for each integer of `counter`."""
        state = _mix(self.seed & _WORD)
        state = _mix(state ^ ((self.seed >> 32) & _WORD))
        state = _mix(state ^ (self.step & _WORD))
        state = _mix(state ^ (self.layer & _WORD))
        state = _mix(state ^ (self.application & _WORD))
        high, low = (
            _mix(_mix(state ^ 0x9E3779B9) ^ (counter & _WORD)),
            _mix(_mix(state ^ 0x7F4A7C15) ^ (counter & _WORD)),
        )
        return ((high << 20) + (low >> 12)).double() * 2.0**-52 + 2.0**-53


def _mix(word: Tensor) -> Tensor:
    """A bijection of 32-bit words that scatters them: "lowbias32" of Wellons' hash prospector, 2018."""
    word = ((word ^ (word >> 16)) * 0x7FEB352D) & _WORD
    word = ((word ^ (word >> 15)) * 0x846CA68B) & _WORD
    return word ^ (word >> 16)
