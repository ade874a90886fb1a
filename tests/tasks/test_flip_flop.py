"""Flip-flop: the language of Liu et al., with the shares of instructions that were asked for."""

import pytest

from itnas.tasks.flip_flop import IGNORE, READ, WRITE, FlipFlop
from itnas.tasks.stream import generator


@pytest.mark.parametrize("length", [3, 4, 17, 64])
def test_samples_start_with_a_write_and_end_with_a_read(length: int) -> None:
    batch = FlipFlop().draw(generator("ends"), 200, length)
    assert (batch.inputs[:, 0] == WRITE).all()
    assert (batch.inputs[:, (length - 1) // 2 * 2] == READ).all()
    assert (batch.inputs[:, 0::2] > 1).all()
    assert (batch.inputs[:, 1::2] < 2).all()


@pytest.mark.parametrize("ignore", [0.0, 0.3, 0.8, 1.0])
def test_instructions_have_their_shares(ignore: float) -> None:
    middle = FlipFlop(ignore=ignore).draw(generator("shares"), 2000, 64).inputs[:, 2:62:2]
    for instruction, share in ((IGNORE, ignore), (WRITE, (1 - ignore) / 2), (READ, (1 - ignore) / 2)):
        # 60,000 instructions: five standard errors are at most 0.0103.
        assert (middle == instruction).double().mean().item() == pytest.approx(share, abs=0.0103)


def test_bits_written_and_ignored_are_fair() -> None:
    inputs = FlipFlop().draw(generator("bits"), 2000, 64).inputs
    for instruction, least in ((IGNORE, 40_000), (WRITE, 6000)):
        bits = inputs[:, 1::2][inputs[:, 0::2] == instruction].double()
        assert len(bits) > least
        assert bits.mean().item() == pytest.approx(0.5, abs=2.5 / least**0.5)


def test_the_bit_before_a_read_is_no_substitute_for_memory() -> None:
    """Most bits before a read are ignored ones: repeating the latest bit is right half the time."""
    batch = FlipFlop().draw(generator("trap"), 4000, 64)
    assert batch.mask is not None
    before, wanted = batch.inputs[:, 1:-1], batch.targets[:, 2:]
    agreement = (before == wanted)[batch.mask[:, 2:]].double().mean().item()
    # Of a read's predecessors 0.8 are ignored (right half the time), the others written or read (always right): 0.6.
    # 4000 * 4 reads in all, those at the end included; five standard errors are 0.02.
    assert agreement == pytest.approx(0.6, abs=0.02)
