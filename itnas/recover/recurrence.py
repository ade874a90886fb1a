"""nn.RNN, nn.GRU and nn.LSTM as fixed points of integral transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from itnas.recover.cells import Cell, ElmanCell, GRUCell, LSTMCell, RecurrentWeights
from itnas.recover.fixed_point import ImplicitGradient, iterate
from itnas.recover.jacobian import contributions, jacobian
from itnas.registry import check_choice

METHODS = ("auto", "iterate", "step")
KINDS = ("jacobian", "gate")


class Run(NamedTuple):
    """How one layer of a stack was evaluated."""

    method: str
    iterations: int


class Recurrence(nn.Module):
    """One or more recurrent layers, [B, N, C] -> [B, N, H], each the fixed point of a causal map (see `Cell`).

    Its two kernels are not the same thing:

    * `kind="jacobian"`, the default: K[b, c, i, j] = sum_d (d y_ic / d u_jd) u_jd, what input j contributes to output
      i to first order. It contains every path by which j acts on i. **Verdicts must see this one.**
    * `kind="gate"`: the kernel (f_(s+1) ... f_t) i_s that carries the state, given the gates and candidates of the
      fixed point. The candidates are its values, and they have read h_(t-1): memory that runs through them is hidden
      from it. A GRU with an update gate that is all but closed looks pointwise to it while the candidates remember.

    `method="iterate"` applies the map until the iterate is at rest, `"step"` goes through the points one by one, and
    `"auto"` iterates as long as the changes shrink, and steps where they do not: a recurrence that does not forget
    gains nothing from iteration, and one that is chaotic agrees with torch only if it rounds like torch. `runs` says
    how each layer was evaluated in the last call, `iterations` is the total number of sweeps; stepping counts N.

    Gradients of iterated layers are implicit: exact, but not twice differentiable and not under vmap. "step" is both.
    """

    def __init__(self, cells: Sequence[Cell], method: str = "auto") -> None:
        super().__init__()
        check_choice("method", method, METHODS)
        self.cells = nn.ModuleList(cells)
        self.method = method
        self.dim, self.out_dim = cells[0].dim, cells[-1].hidden
        self.runs: list[Run] = []

    @property
    def iterations(self) -> int:
        return sum(run.iterations for run in self.runs)

    def forward(self, u: Float[Tensor, "batch points dim"]) -> Float[Tensor, "batch points out_dim"]:
        return self._outputs(u)[-1]

    def kernel(
        self, u: Float[Tensor, "batch points dim"], kind: str = "jacobian"
    ) -> Float[Tensor, "batch heads points points"]:
        """The kernel of the whole stack, one head per output channel (see the class for the two kinds)."""
        check_choice("kind of kernel", kind, KINDS)
        if kind == "jacobian":
            self._check(u)
            return contributions(self._cells(), u)
        if len(self.cells) > 1:
            raise ValueError("a stack has one gate kernel per layer: use kernels(u, kind='gate')")
        return self.kernels(u, kind)[0]

    def gate_kernel(self, u: Float[Tensor, "batch points dim"]) -> Float[Tensor, "batch heads points points"]:
        """`kernel(u, kind="gate")`: how the gates carry the state. It does not see what the values remember."""
        return self.kernel(u, kind="gate")

    def kernels(
        self, u: Float[Tensor, "batch points dim"], kind: str = "jacobian"
    ) -> list[Float[Tensor, "batch heads points points"]]:
        """One kernel per layer of the stack, each with respect to that layer's own input."""
        check_choice("kind of kernel", kind, KINDS)
        inputs = [u, *self._outputs(u)]
        return [
            contributions([cell], before) if kind == "jacobian" else cell.gate_kernel(cell.drive(before), after)
            for cell, before, after in zip(self._cells(), inputs, inputs[1:], strict=False)
        ]

    def jacobian(self, u: Float[Tensor, "batch points dim"]) -> Float[Tensor, "batch points out_dim points dim"]:
        """d y_ic / d u_jd within each sample, [B, N, C_out, N, C]. It is large: N^2 C C_out numbers a sample."""
        self._check(u)
        return jacobian(self._cells(), u)

    def extra_repr(self) -> str:
        return f"method={self.method!r}"

    def _cells(self) -> list[Cell]:
        return [cell for cell in self.cells if isinstance(cell, Cell)]

    def _outputs(self, u: Tensor) -> list[Tensor]:
        """The output of each layer."""
        self._check(u)
        self.runs, outputs = [], []
        for cell in self._cells():
            u = self._layer(cell, u)
            outputs.append(u)
        return outputs

    def _layer(self, cell: Cell, u: Tensor) -> Tensor:
        # Points first, as torch's own module multiplies: matrix products round by how their factors lie, and where a
        # recurrence is chaotic no other rounding ends where torch ends.
        drive = cell.drive(u.transpose(0, 1)).transpose(0, 1)
        weight, bias = cell.shift.out.weight, cell.shift.out.bias
        batch, length = u.shape[:2]
        if self.method != "step":
            patient = self.method == "iterate"
            with torch.no_grad():
                start = drive.new_zeros(batch, length, cell.hidden)
                found = iterate(lambda h: cell(drive, h), start, length, patient=patient)
            if found.settled:
                self.runs.append(Run("iterate", found.iterations))
                # What takes k sweeps forward takes about as many back.
                budget = None if patient else 2 * found.iterations
                h = ImplicitGradient.apply(found.state, drive, weight, bias, cell, budget)  # type: ignore[no-untyped-call]
                assert isinstance(h, Tensor)
                return h
        self.runs.append(Run("step", length))
        return cell.unroll(drive, weight, bias)

    def _check(self, u: Tensor) -> None:
        if u.dim() != 3 or u.shape[-1] != self.dim:
            raise ValueError(f"the input must be [batch, points, {self.dim}], got shape {tuple(u.shape)}")


def recurrence(m: nn.RNN | nn.GRU | nn.LSTM) -> Recurrence:
    """Rebuild all layers of a module; equals `m(u)[0]` with its default initial state, zero."""
    _refuse(m)
    cells: list[Cell] = []
    for layer in range(m.num_layers):
        weights = RecurrentWeights(
            getattr(m, f"weight_ih_l{layer}"),
            getattr(m, f"weight_hh_l{layer}"),
            getattr(m, f"bias_ih_l{layer}") if m.bias else None,
            getattr(m, f"bias_hh_l{layer}") if m.bias else None,
        )
        if isinstance(m, nn.LSTM):
            cells.append(LSTMCell(weights))
        elif isinstance(m, nn.GRU):
            cells.append(GRUCell(weights))
        else:
            cells.append(ElmanCell(weights, m.nonlinearity))
    return Recurrence(cells)


def _refuse(m: nn.RNN | nn.GRU | nn.LSTM) -> None:
    def refuse(setting: str, advice: str) -> None:
        raise ValueError(f"{type(m).__name__} with {setting} is not recovered: {advice}")

    if not m.batch_first:
        refuse("batch_first=False", "build it with batch_first=True and give it [batch, points, channels]")
    if m.bidirectional:
        refuse("bidirectional=True", "recover the two directions as two modules and flip the input of one")
    if m.proj_size:
        refuse(f"proj_size={m.proj_size}", "build it with proj_size=0")
    if m.dropout > 0 and m.training and m.num_layers > 1:
        refuse(f"dropout={m.dropout} in training mode", "call .eval() first")
