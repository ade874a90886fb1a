"""Several processes that train one population on several devices, each a share of every batch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from itnas.allowance import ran_out
from itnas.shown import one_line

# A step's sum must come within the first. The others wait for a score within the second, however long it takes: that a
# process is gone is noticed at once, as its connections break.
QUICK, PATIENT = timedelta(minutes=30), timedelta(days=7)


class DeviceLostError(Exception):
    """A process of the group is gone. `fell`: whether it was taken down, and did not fail by itself."""

    def __init__(self, sentence: str, *, fell: bool = True) -> None:
        super().__init__(sentence)
        self.fell = fell


def _unknown(error: BaseException) -> DeviceLostError:
    return DeviceLostError(f"the process of another device is gone ({one_line(error)})")


class Group:
    """This process and its peers. All of them hold the whole population; each computes gradient and loss of its share
    of a batch, these are summed, and all make the same update.

    torch's DistributedDataParallel is of no use for that: it wraps a module and its many parameters, hooks into
    `backward()` and averages. Here there is no module in which the gradient ends up, but one matrix [R, P] that
    `autograd.grad` returns in one piece, to be added up, together with the losses, in one message.

    `store`: one of torch's, through which the processes find each other; None: what torchrun has put into the
    environment. `lost` finds out who is gone.
    """

    def __init__(
        self,
        rank: int,
        size: int,
        store: Any,
        device: torch.device,
        lost: Callable[[BaseException], DeviceLostError] = _unknown,
    ) -> None:
        if dist.is_initialized():
            raise ValueError(
                "this process is in a torch.distributed group already: let itnas start the processes, or call "
                "torch.distributed.destroy_process_group() first"
            )
        self.rank, self.size, self._lost = rank, size, lost
        self.wish = False  # whether somebody here wants to stop
        self.stopping = False  # whether somebody anywhere does, as all have known since the same step
        self.parts = 1  # into which all cut their shares from the next step on
        backend = "nccl" if device.type == "cuda" else "gloo"
        if device.type == "cuda":
            torch.cuda.set_device(device)
        where = {"store": store} if store is not None else {"init_method": "env://"}
        hook = sys.excepthook
        self._sure(dist.init_process_group, backend, rank=rank, world_size=size, timeout=QUICK, **where)
        self._patient = self._sure(dist.new_group, backend="gloo", timeout=PATIENT)
        # torch puts one there that marks every line of a traceback, and leaves it there.
        sys.excepthook = hook

    @property
    def leads(self) -> bool:
        """Whether this is the process that scores, writes and shows."""
        return self.rank == 0

    def share(self, samples: int) -> slice:
        """Which samples of a batch are this process's."""
        start, stop = (-(-number * samples // self.size) for number in (self.rank, self.rank + 1))
        return slice(start, stop)

    def summed(
        self, gradient: Float[Tensor, "replicas parameters"], loss: Float[Tensor, " replicas"], parts: int
    ) -> tuple[Float[Tensor, "replicas parameters"], Float[Tensor, " replicas"]]:
        """Gradient and loss of the whole batch, in float32 whatever they were computed in.

        Behind them each process has two places of its own in the message, so that all learn at the same step who
        wants to stop, and into how many parts the poorest in memory had to cut its share.
        """
        told = torch.zeros(self.size, 2, device=gradient.device)
        told[self.rank, 0], told[self.rank, 1] = float(self.wish), float(parts)
        message = torch.cat([gradient.flatten().float(), loss.float(), told.flatten()])
        self._sure(dist.all_reduce, message)
        total, losses, rest = message.split([gradient.numel(), loss.numel(), told.numel()])
        heard = rest.view_as(told).tolist()
        self.stopping = any(wish > 0 for wish, _ in heard)
        self.parts = round(max(each for _, each in heard))
        return total.view_as(gradient), losses

    def told(self, value: Any) -> Any:
        """What the leading process says; the others' own value is of no account."""
        held = [value if self.leads else None]
        self._sure(dist.broadcast_object_list, held, src=0, group=self._patient)
        return held[0]

    def copy(self, *tensors: Tensor) -> None:
        """Bring tensors to what they are in the leading process."""
        for tensor in tensors:
            self._sure(dist.broadcast, tensor.detach(), src=0)

    def close(self) -> None:
        if dist.is_initialized():
            dist.destroy_process_group()

    def _sure(self, action: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Do something together; when that cannot be done, somebody is gone."""
        try:
            return action(*arguments, **options)
        except RuntimeError as error:
            if ran_out(error):
                raise
            raise self._lost(error) from error
