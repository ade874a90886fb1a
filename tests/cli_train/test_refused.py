"""Bad input is one sentence, and leaves nothing behind."""

from pathlib import Path

import pytest

from tests.started import Inside


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trasnformer", "--task", "parity"], "unknown genome (and no such file) 'trasnformer'"),
        (["gru", "--task", "partiy"], "unknown task 'partiy'"),
        (["gru", "--task", "parity/flop=1"], "unknown setting of task parity 'flop'"),
        (["gru", "--task", "parity", "--steps", "5", "--seconds", "1"], "--steps, --samples and --seconds exclude"),
        (["gru", "--task", "parity", "--task", "delay"], "one task at a time, got --task 2 times"),
        (["gru", "--task", "parity", "--steps", "0"], "a budget must be positive and finite, got 0 steps"),
        (["gru", "--task", "parity", "--replicas", "0"], "replicas must lie in 1 to 1000, got 0"),
        (["gru", "--task", "parity", "--batch-size", "0"], "batch_size must be at least 1, got 0"),
        (["gru", "--task", "parity", "--length", "0"], "a sample has at least 1 points"),
        (
            ["gru", "--task", "parity", "--precision", "fp16"],
            "unknown precision 'fp16': choose from 'float32', 'bfloat16'",
        ),
        (["gru", "--task", "parity", "--device", "tpu"], "unknown device 'tpu'"),
        (["gru", "--task", "parity", "--plot", "curves.pdf"], "unknown ending of curves.pdf 'pdf'"),
        (["gru", "--task", "ring-transfer"], "walks along its points in order, which a Graph does not have"),
        (["gru", "--task", "parity", "--seed", "-1"], "seed must lie in 0 to 2^40 - 1, got -1"),
        (["gru", "--task", "digits/examples=5000"], "task digits has 1258 training images, got examples=5000"),
        (["gru", "--task", "parity/16"], "unknown variant of task parity '16': there is none to choose from"),
        (["gru", "--task", "parity/length=1000000000000"], "not enough memory: ask for less"),
        (["missing.yaml", "--task", "parity"], "missing.yaml: No such file or directory"),
        (
            [".", "--task", "parity"],
            ". is a folder without a genome.yaml: name a genome's file, or a folder that holds one",
        ),
        (["gru", "--task", "parity", "--width", "0x"], "a factor must be greater than 0, got width 0x"),
        (
            ["gru", "--task", "parity", "--width", "abc"],
            "width must be a factor such as 2x or a whole number such as 64",
        ),
        (["gru", "--task", "parity", "--width", "0"], "width: input should be greater than or equal to 1, got 0"),
        (["gru", "--task", "parity", "--width", "-2"], "width: input should be greater than or equal to 1, got -2"),
        (["transformer", "--task", "parity", "--width", "33"], "use a multiple of 2, such as width=34"),
        (["gru", "--task", "parity", "--depth", "0.3x"], "depth 0.3x of 2 is 0.6, which is no whole number: ask for 1"),
        (["gated-conv-attention", "--task", "parity", "--depth", "3"], "use a multiple of 2, such as depth=2 or 4"),
        (["gru", "--task", "parity", "--length", "0.3x"], "length 0.3x of 64 is 19.2, which is no whole number"),
        (
            ["gru", "--task", "parity", "--length", "many"],
            "length must be a factor such as 2x or a whole number such as 128",
        ),
        (["gru", "--task", "no.such.module:Task"], "importing no.such.module failed"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: Inside, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = inside("train", *arguments, "--quiet")
    assert code == 2, errors
    assert message in errors
    assert errors.count("\n") == 1, errors
    assert list(tmp_path.iterdir()) == []
