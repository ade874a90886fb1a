"""Names that can be given on the command line, as the shell completes them: known without loading torch or Optuna.

A test holds them to the registries that they come from.
"""

from __future__ import annotations

GLUE = ("cola", "sst-2", "mrpc", "qqp", "sts-b", "mnli", "qnli", "rte", "wnli")
TASKS = (
    "bytes", "delay", "digits", "entailment", "exponential-average", "flip-flop", "image-pairs", "induction",
    "local-pattern", "mad-compression", "mad-fuzzy-recall", "mad-memorization", "mad-noisy-recall", "mad-recall",
    "mad-selective-copying", "parity", "permutation-composition", "poisson", *(f"glue/{name}" for name in GLUE),
    "imagenet-1k", "modelnet40", "nlvr2", "vqa-v2", "recall", "ring-transfer", "selective-copying", "sentiment",
    "shape-clouds", "shape-questions", "textured-shapes",
)  # fmt: skip
SPECIALISTS = (
    "convnet", "transformer", "gru", "lstm", "selective-ssm", "gated-conv-attention", "point-network",
    "convnet/operator", "transformer/operator", "selective-ssm/operator", "gated-conv-attention/operator",
)  # fmt: skip
FORMATS = (
    "genome", "weights", "torch", "onnx", "module", "native", "table", "optuna", "ray", "kubernetes", "slurm",
)  # fmt: skip
SAMPLERS = ("evolution", "nsga2", "random", "tpe", "tpe-flat", "tpe-group", "tpe-independent")
PRUNERS = ("median", "halving", "none")
PROFILES = ("default", "demo", "quick", "thorough")
VERDICTS = ("best", "all", "none")
OBJECTIVES = ("score", "parameters", "flops", "seconds")
ENGINES = ("ray", "inline")
PRECISIONS = ("float32", "bfloat16")
DEVICES = ("auto", "cpu", "cuda")
STATES = ("running", "complete", "pruned", "failed", "infeasible")
