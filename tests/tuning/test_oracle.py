"""Oracles that are told a history again are the same oracles."""

import math
from functools import cache

import pytest

from tfpipelines.errors import ConfigError
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tuning import Plan
from tfpipelines.tuning.oracle import Oracle
from tfpipelines.tuning.pruning import medians, should_prune
from tfpipelines.tuning.space import Space
from tfpipelines.tuning.state import WAIT, Proposal

SPACE = (
    "search.space={model.name: [cnn, resnet], model.depth: {values: [8, 14, 20], when: {model.name: resnet}}, "
    "train.learning_rate: {min: 1e-4, max: 1e-2, scale: log}}"
)
GRID = (
    "search.space={model.name: [cnn, resnet], model.depth: {values: [8, 14, 20], when: {model.name: resnet}}, "
    "train.optimizer: [adam, sgd]}"
)


def oracle(algorithm, space=SPACE, seed=0, start=None, epochs=9):
    pipeline = Plan.of("image-cls", [space, f"search.algorithm={algorithm}"], SCHEMAS).pipeline
    return Oracle(Space(pipeline.search.space), pipeline.search, seed, epochs, start)


def score(proposal):
    """Some function of the values: resnet is better than cnn, the rate best at 0.001."""
    return proposal.encoded["model.name"] - abs(proposal.encoded.get("train.learning_rate", 0) - 1e-3) * 50


def history(some, count):
    """Two trials at a time, the second of them ending first; every fourth fails."""
    told = []
    while len([event for event in told if event[0] == "start"]) < count:
        proposals = [proposal for proposal in (some.propose(), some.propose()) if isinstance(proposal, Proposal)]
        if not proposals:
            break
        told += [("start", proposal, None) for proposal in proposals]
        for proposal in reversed(proposals):
            result = None if int(proposal.identity) % 4 == 3 else score(proposal)
            some.end(proposal.identity, result)
            told.append(("end", proposal, result))
    return told


def tell(some, told):
    for event, proposal, result in told:
        some.repeat(proposal) if event == "start" else some.end(proposal.identity, result)
    return some


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband", "grid"])
@pytest.mark.parametrize("seed", [0, pytest.param(3, marks=pytest.mark.slow)])
def test_the_same_history_makes_the_same_oracle_at_any_moment(algorithm, seed):
    space = GRID if algorithm == "grid" else SPACE
    first = oracle(algorithm, space, seed)
    told = history(first, 14)
    assert len(told) >= (16 if algorithm == "grid" else 28)
    for length in (0, 5, len(told) // 2, len(told) - 3):
        again = tell(oracle(algorithm, space, seed), told[:length])
        for event, proposal, result in told[length:]:
            if event == "start":
                assert again.propose() == proposal
            else:
                again.end(proposal.identity, result)
    assert tell(oracle(algorithm, space, seed), told).propose() == first.propose()


@pytest.mark.parametrize("algorithm", ["random", "bayesian"])
def test_zero_is_a_seed_and_seeds_differ(algorithm):
    drawn = [
        [proposal.encoded for event, proposal, _ in history(oracle(algorithm, seed=seed), 6) if event == "start"]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_first_trial_may_be_given():
    start = {"model.name": 0, "train.learning_rate": 3e-3}
    for algorithm in ("random", "bayesian", "hyperband"):
        assert oracle(algorithm, start=start).propose().encoded == start


def test_a_grid_holds_every_combination_once():
    some, found = oracle("grid", GRID), []
    while (proposal := some.propose()) is not None:
        if proposal == WAIT:
            break
        found.append(tuple(proposal.encoded.items()))
        some.end(proposal.identity, 0.0)
    assert len(found) == len(set(found)) == 2 * (1 + 3)


def test_a_small_space_is_exhausted_and_no_trial_is_repeated():
    small = "search.space={train.optimizer: [adam, sgd], model.dropout: [0.0, 0.1, 0.2]}"
    for algorithm in ("random", "bayesian"):
        some, found = oracle(algorithm, small), []
        while (proposal := some.propose()) is not None:
            found.append(tuple(sorted(proposal.encoded.items())))
            some.end(proposal.identity, proposal.encoded["train.optimizer"] + 0.0)
        assert len(found) == len(set(found)) >= 5


def test_hyperband_goes_on_from_the_best_of_a_round_and_waits_for_none_that_failed():
    told = history(oracle("hyperband"), 24)
    started = {proposal.identity: proposal for event, proposal, _ in told if event == "start"}
    results = {proposal.identity: result for event, proposal, result in told if event == "end"}
    children = [proposal for proposal in started.values() if proposal.parent is not None]
    assert children and max(proposal.epochs for proposal in children) == 9
    for child in children:
        assert started[child.parent].epochs < child.epochs and started[child.parent].encoded == child.encoded
        assert results[child.parent] is not None


def test_parents_are_those_that_may_yet_have_children():
    some = oracle("hyperband")
    first = [some.propose() for _ in range(3)]
    for proposal in first:
        some.end(proposal.identity, score(proposal))
    assert some.parents() == {proposal.identity for proposal in first}


def test_bayesian_search_finds_a_better_place_than_chance():
    space = (
        "search.space={train.learning_rate: {min: 1e-5, max: 1, scale: log}, model.dropout: {min: 0, max: "
        "0.8}, train.ema: {min: 0.5, max: 0.99}}"
    )

    @cache
    def best(algorithm, seed):
        some, found = oracle(algorithm, space, seed), []
        for _ in range(16):
            proposal = some.propose()
            rate, dropout = math.log10(proposal.encoded["train.learning_rate"]), proposal.encoded["model.dropout"]
            found.append(
                0.1 if rate > -1 else 0.98 - 0.02 * abs(rate + 3) - 0.1 * (dropout - 0.3) ** 2
            )  # the third field does not matter
            some.end(proposal.identity, found[-1])
        return max(found)

    assert all(best("bayesian", seed) > 0.975 for seed in range(3))
    assert sum(best("bayesian", seed) for seed in range(3)) > sum(best("random", seed) for seed in range(3))


def test_a_history_that_the_oracle_would_not_have_proposed_is_refused():
    with pytest.raises(ConfigError, match="does not propose the same"):
        oracle("hyperband").repeat(Proposal("0000", {"model.name": 1}, 3))


def test_medians_are_of_means_so_far_and_need_enough_trials():
    assert medians([[1.0, 3.0], [2.0, 2.0, 5.0], [4.0, 0.0]], 3) == [2.0, 2.0]
    assert medians([[1.0], [2.0]], 3) == []


def test_pruned_is_worse_than_the_median_after_the_wait():
    assert should_prune([0.1, 0.2], [0.3, 0.25], "max", 1)
    assert not should_prune([0.1, 0.26], [0.3, 0.25], "max", 1)
    assert not should_prune([0.4, 0.2], [0.3, 0.25], "max", 1)  # its best counts
    assert should_prune([0.4, 0.3], [0.3, 0.25], "min", 1)
    assert not should_prune([0.1, 0.2], [0.3, 0.25], "max", 3)
    assert not should_prune([0.1, 0.2, 0.2], [0.3, 0.25], "max", 1)  # no median there
