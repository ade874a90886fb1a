"""The command that trains again: it names the seeds and settings that a training had."""

import itnas
from itnas.again import named_seed, training_command
from itnas.training import recipe


def test_the_seeds_that_a_command_names_are_those_of_the_training() -> None:
    genome, task = itnas.Genome(), itnas.task("delay")
    for seed in (0, 7, 4711):
        made = recipe(genome, task, replicas=3, seed=seed)
        assert named_seed(made.seeds) == seed
        assert (
            training_command("g.yaml", "delay", made.seeds)
            == f"itnas train g.yaml --task delay --replicas 3 --seed {seed}"
        )


def test_only_what_was_set_is_named_and_names_are_quoted() -> None:
    settings = {"steps": 20, "batch_size": None, "length": 16, "precision": "bfloat16", "pruner": "median"}
    assert (
        training_command("my best.yaml", "recall/pairs=4", (), settings)
        == "itnas train 'my best.yaml' --task recall/pairs=4 --steps 20 --length 16 --precision bfloat16"
    )
    assert "precision" not in training_command("g.yaml", "delay", (), {"precision": "float32"})
