"""Proposals: distinct, reproducible, and the same again when a log is replayed."""

import numpy as np
import pytest

from itnas.search.proposer import TRIES, Event, Proposer, random_turn, random_turns
from itnas.search.samplers import SAMPLERS, sampler_kind
from itnas.search.settings import SweepSettings
from itnas.space import Space
from tests.search.toy import RUNGS, Simulated, toy_settings, toy_space, value

SAMPLER_NAMES = list(SAMPLERS)


def _proposer(**changes: object) -> Proposer:
    return Proposer(toy_space(), toy_settings(**changes))


@pytest.mark.parametrize("sampler", SAMPLER_NAMES)
def test_what_is_proposed_follows_from_seed_and_history(sampler: str) -> None:
    one, other, third = (Simulated(_proposer(sampler=sampler, seed=seed), 1) for seed in (3, 3, 4))
    for each in (one, other, third):
        each.run()
    assert one.log == other.log
    hashes = [[proposal.genome.hash for proposal in each.proposals] for each in (one, third)]
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize("objectives", [["score"], ["score", "parameters"]])
@pytest.mark.parametrize("sampler", SAMPLER_NAMES)
def test_a_sweep_goes_on_as_if_it_had_never_stopped(sampler: str, objectives: list[str]) -> None:
    """Interrupted with trials in flight, restored from its log, it makes the proposals that it would have made."""
    about = {"sampler": sampler, "objectives": objectives, "trials": 40}
    whole = Simulated(_proposer(**about), 5)
    whole.run()
    first = Simulated(_proposer(**about), 5)
    first.run(150)
    restored = _proposer(**about)
    for event in first.log:
        restored.restore(event)
    second = Simulated(restored, 5)
    second.rng, second.running, second.log = first.rng, first.running, list(first.log)
    second.run()
    assert len(second.log) > len(first.log)
    assert second.log == whole.log


def test_a_log_survives_another_sampler_and_more_trials_on_the_way() -> None:
    sweep = Simulated(_proposer(trials=8), 2)
    sweep.run()
    changed = sweep.proposer.settings.changed(trials=16, sampler="evolution", tasks=["delay", "flip-flop", "parity"])
    sweep.proposer.configure(changed)
    sweep.log.append(Event("settings", None, None, changed.to_dict()))
    sweep.run()
    restored = Proposer(toy_space(), toy_settings(trials=8))
    for event in sweep.log:
        restored.restore(event)
    assert restored.next_trial == sweep.proposer.next_trial
    assert restored.wanting() == []
    assert {task: state.trials for task, state in restored.tasks.items()} == dict.fromkeys(changed.tasks, 16)


def test_specialists_come_first_then_one_proposal_in_five_is_made_at_random() -> None:
    sweep = Simulated(_proposer(tasks=["delay"], trials=52), 0)
    sweep.run()
    origins = [proposal.origin for proposal in sweep.proposals]
    assert origins[:2] == ["specialist", "specialist"]
    assert [proposal.name for proposal in sweep.proposals[:3]] == ["gru", "convnet", None]
    assert origins[2] == "random"
    assert 10 <= origins.count("random") <= 11
    assert origins.count("sampler") == 50 - origins.count("random")


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_random_share_is_kept(share: float) -> None:
    sweep = Simulated(_proposer(tasks=["delay"], trials=42, random_share=share), 0)
    sweep.run()
    assert abs([proposal.origin for proposal in sweep.proposals].count("random") - 40 * share) <= 1


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 1.0])
def test_random_turns_are_counted_without_taking_them(share: float) -> None:
    for count in (0, 1, 2, 5, 99, 100, 101):
        assert random_turns(count, share) == sum(random_turn(number, share) for number in range(count))


def test_no_genome_is_trained_twice_while_there_are_others() -> None:
    sweep = Simulated(_proposer(tasks=["delay"], trials=60, sampler="evolution"), 0)
    sweep.run()
    hashes = [proposal.genome.hash for proposal in sweep.proposals]
    assert len(set(hashes)) == len(hashes)
    assert all(proposal.repeat == 0 for proposal in sweep.proposals)


def test_when_all_genomes_are_known_they_are_tried_on_fresh_seeds() -> None:
    space = Space.parse("width: 8\nlayers: [{mixer: convolution, taps: {choice: [1, 3]}}]", "tiny")
    proposer = Proposer(space, toy_settings(tasks=["delay"], trials=7, specialists=[], sampler="random"))
    sweep = Simulated(proposer, 0, slots=1)
    sweep.run()
    assert len(sweep.proposals) == 7
    repeats: dict[str, list[int]] = {}
    for proposal in sweep.proposals:
        repeats.setdefault(proposal.genome.hash, []).append(proposal.repeat)
    assert len(repeats) == 2
    assert all(own == list(range(len(own))) for own in repeats.values())
    known = [event for event in sweep.log if event.kind == "ask" and event.trial is None]
    assert len(known) >= 5 * TRIES


def test_a_known_genome_is_told_with_what_it_came_to() -> None:
    space = Space.parse("width: 8\nlayers: [{mixer: convolution, taps: {choice: [1, 3]}}]", "tiny")
    proposer = Proposer(space, toy_settings(tasks=["delay"], trials=3, specialists=[], sampler="random"))
    sweep = Simulated(proposer, 0, slots=1)
    sweep.run()
    study = proposer.tasks["delay"].study.study
    told = {trial.params["layers.0.taps"]: set() for trial in study.trials}
    for trial in study.trials:
        told[trial.params["layers.0.taps"]].add(trial.value)
    assert all(len(values) == 1 for values in told.values())


def test_constraints_are_checked_before_a_trial_runs() -> None:
    text = (
        "width: {choice: [8, 64]}\nlayers: [{mixer: convolution, taps: {int: [1, 9]}}]\nconstraints: {parameters: 9000}"
    )
    proposer = Proposer(Space.parse(text, "bounded"), toy_settings(tasks=["delay"], trials=12, specialists=[]))
    sweep = Simulated(proposer, 0)
    sweep.run()
    broken = [proposal for proposal in sweep.proposals if proposal.infeasible]
    assert broken
    assert all(proposal.genome.width == 64 and "parameters" in str(proposal.infeasible) for proposal in broken)
    assert len(sweep.proposals) - len(broken) == 12
    assert all(proposal.genome.width == 8 for proposal in sweep.proposals if not proposal.infeasible)


def test_a_space_whose_constraints_leave_nothing_is_given_up() -> None:
    text = "width: {int: [32, 64]}\nconstraints: {parameters: 10}"
    proposer = Proposer(Space.parse(text, "hopeless"), toy_settings(tasks=["delay"], trials=3, specialists=[]))
    with pytest.raises(ValueError, match=r"on delay are refused, most of them for this: parameters: [\d,]+ > 10$"):
        Simulated(proposer, 0).run()


def test_failures_are_told_without_a_value() -> None:
    sweep = Simulated(_proposer(tasks=["delay"], trials=30), 0)
    sweep.run()
    states = {trial.state.name for trial in sweep.proposer.tasks["delay"].study.study.trials}
    assert states == {"COMPLETE", "PRUNED"}
    pruned = [each for each in sweep.proposer.tasks["delay"].study.study.trials if each.state.name == "PRUNED"]
    assert all(each.values is None for each in pruned)


def test_the_random_arm_and_the_specialists_are_never_stopped() -> None:
    sweep = Simulated(_proposer(tasks=["delay"], trials=80), 0)
    sweep.run()
    origins = {proposal.trial: proposal.origin for proposal in sweep.proposals}
    stopped = [event.trial for event in sweep.log if event.kind == "report" and event.data["stop"]]
    assert stopped
    assert {origins[trial] for trial in stopped} == {"sampler"}


def test_the_median_decides_who_is_stopped() -> None:
    """Planted: a trial below the median of the others at its rung goes, one above stays."""
    proposer = _proposer(tasks=["delay"], trials=40, random_share=0.0, specialists=[])
    for score in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        (proposal,) = proposer.propose("delay")[1]
        for rung in range(1, RUNGS):
            proposer.report(proposal.trial, rung, score * rung)
        proposer.tell(proposal.trial, [score])
    low, high = (proposer.propose("delay")[1][-1].trial for _ in range(2))
    assert not proposer.report(low, 1, 0.0)[1], "the first rungs stop nobody"
    assert not proposer.report(high, 1, 9.0)[1]
    assert proposer.report(low, 3, 0.9)[1]
    assert not proposer.report(high, 3, 1.9)[1]


def test_samplers_learn() -> None:
    """On a space where one parameter is all, every sampler but chance does better than chance."""
    for name in (each for each in SAMPLER_NAMES if each != "random"):
        means = []
        for seed in range(3):
            sweep = Simulated(_proposer(tasks=["delay"], trials=80, sampler=name, pruner="none", seed=seed), seed, 1)
            sweep.run()
            own = [value(each.genome) for each in sweep.proposals if each.origin == "sampler"]
            random = [value(each.genome) for each in sweep.proposals if each.origin == "random"]
            means.append(np.mean(own[-30:]) - np.mean(random))
        assert np.mean(means) > 0.05, name


def test_an_unknown_sampler_is_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match="did you mean 'evolution'"):
        sampler_kind("evolutoin")


def test_specialists_that_a_task_refuses_take_no_place() -> None:
    settings = SweepSettings(tasks=("shape-questions",), trials=3)
    proposer, log = Proposer(Space.load("modalities"), settings), []
    found = []
    while proposer.wanting():
        events, proposals = proposer.propose("shape-questions")
        log += events
        found += proposals
        log.append(proposer.tell(proposals[-1].trial, (0.5,)))
    refused = [each for each in found if each.infeasible is not None and each.origin == "specialist"]
    assert [each.name for each in refused] == ["convnet", "gru", "lstm", "selective-ssm", "gated-conv-attention"]
    assert all("cannot be built for shape-questions" in str(each.infeasible) for each in refused)
    taken = [each for each in found if each.infeasible is None]
    assert [each.origin for each in taken] == ["specialist", "random", "sampler"]
    assert taken[0].name == "transformer"

    again = Proposer(Space.load("modalities"), settings)
    for event in log[:-1]:
        again.restore(event)
    assert again.next_trial == proposer.next_trial
    assert not again.wanting()
