"""What `from_module` takes, keeps and refuses; and the demonstration."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from itnas import recover

MODULES: dict[str, nn.Module] = {
    "conv1d": nn.Conv1d(2, 3, 3, padding=1),
    "conv2d": nn.Conv2d(2, 3, 3, padding=1),
    "attention": nn.MultiheadAttention(4, 2, batch_first=True),
    "rnn": nn.RNN(2, 3, batch_first=True),
    "gru": nn.GRU(2, 3, batch_first=True),
    "lstm": nn.LSTM(2, 3, batch_first=True),
    "mlp": nn.Sequential(nn.Linear(2, 3), nn.ReLU()),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MODULES)
def test_the_precision_of_the_source_is_kept_and_nothing_is_shared(name: str, dtype: torch.dtype) -> None:
    m = MODULES[name].to(dtype)
    layer = recover.from_module(m)
    assert {part.dtype for part in layer.parameters()} == {dtype}
    theirs = {part.untyped_storage().data_ptr() for part in m.parameters()}
    assert not theirs & {part.untyped_storage().data_ptr() for part in layer.parameters()}
    layer.load_state_dict(layer.state_dict())


@pytest.mark.parametrize(
    ("m", "message"),
    [
        (nn.Linear(2, 2), "Linear is not recovered: wrap it in nn.Sequential"),
        (nn.ConvTranspose1d(2, 2, 3), "ConvTranspose1d is not recovered: .* use nn.Conv1d"),
        (nn.Conv3d(2, 2, 3), "Conv3d is not recovered: choose from nn.Conv1d"),
        (nn.LSTMCell(2, 2), "LSTMCell is not recovered: use nn.LSTM"),
        (nn.LayerNorm(2), "LayerNorm is not recovered: choose from"),
    ],
)
def test_other_modules_are_refused_by_name(m: nn.Module, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        recover.from_module(m)


def test_the_demonstration_runs_and_is_within_its_bounds() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "itnas.recover"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(name in done.stdout for name in ("Conv1d", "attention", "LSTM", "S4D", "selective scan"))
