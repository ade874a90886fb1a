"""A search whose trials take a second."""

SMALL = (
    *("--engine", "inline", "--task", "flip-flop", "--task", "local-pattern", "--trials", "3", "--replicas", "1"),
    *("--steps", "8", "--length", "16", "--rungs", "2", "--specialists", "gru", "--confirm", "1"),
    *("--confirm-replicas", "2", "--copies", "1", "--seed", "3"),
)
