"""The noise ceiling by hand, and without people to define it."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from analysis.io.frame import read_trials
from analysis.kappa.ceiling import COLUMNS, MAJORITY, bounds_of_datasets, noise_ceiling
from analysis.kappa.consistency import error_consistency, select_benchmark_conditions
from core.errors import LogError
from tests.conftest import real
from tests.unit.analysis.frames import correct_trials


def kappa(letters_1, letters_2):
    first, second = (np.array([float(x) for x in letters]) for letters in (letters_1, letters_2))
    expected = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    return (np.mean(first == second) - expected) / (1 - expected)


PEOPLE = {"p1": "11101100", "p2": "11011100", "p3": "10101110"}
NET = "11100101"


def frame():
    people = [correct_trials(name, "human", letters) for name, letters in PEOPLE.items()]
    return pd.concat([*people, correct_trials("net", "generative", NET)])


def test_ceiling_matches_calculation_by_hand():
    table = noise_ceiling(frame(), n_resamples=100)
    assert tuple(table.columns) == COLUMNS and list(table["observer"]) == ["p1", "p2", "p3", MAJORITY, "net"]
    rows = table.set_index("observer")
    leave_one_out = {p: np.mean([kappa(PEOPLE[p], PEOPLE[q]) for q in PEOPLE if q != p]) for p in PEOPLE}
    for person, value in leave_one_out.items():
        assert rows.loc[person, "kappa"] == pytest.approx(value) and rows.loc[person, "n_people"] == 2
    ceiling = np.mean(list(leave_one_out.values()))
    assert table["ceiling"].tolist() == pytest.approx([ceiling] * 5) and (table["ceiling_low"] < ceiling).all()
    net = rows.loc["net"]
    assert net["kappa"] == pytest.approx(np.mean([kappa(letters, NET) for letters in PEOPLE.values()]))
    assert net["n_people"] == 3
    assert net["share"] == pytest.approx(net["kappa"] / ceiling)
    # The majority of two other people is correct only where both are correct.
    with_majority = [
        kappa(PEOPLE[p], ["1" if all(PEOPLE[q][i] == "1" for q in PEOPLE if q != p) else "0" for i in range(8)])
        for p in PEOPLE
    ]
    assert rows.loc[MAJORITY, "kappa"] == pytest.approx(np.mean(with_majority))
    assert table["lower_bound"].tolist() == pytest.approx([np.mean(with_majority)] * 5)
    assert table["lower_bound_low"].iloc[0] == rows.loc[MAJORITY, "low"]


def consensus(m):
    """Return the letters of the consensus: right where at least m people are."""
    return ["1" if sum(letters[i] == "1" for letters in PEOPLE.values()) >= m else "0" for i in range(8)]


def test_upper_bound_is_the_best_consensus_of_all_people():
    row = noise_ceiling(frame(), n_resamples=100).iloc[0]
    means = [np.mean([kappa(letters, consensus(m)) for letters in PEOPLE.values()]) for m in (1, 2, 3)]
    assert row["upper_bound"] == pytest.approx(max(means)) and row["upper_bound"] > row["lower_bound"]
    assert row["upper_bound_low"] < row["upper_bound"] < row["upper_bound_high"]


def test_no_observer_exceeds_the_upper_bound():
    """Every one of the 256 possible patterns of correct responses has a mean kappa of at most the upper bound."""
    row = noise_ceiling(frame(), n_resamples=0).iloc[0]
    best = max(
        np.mean([kappa(letters, pattern) for letters in PEOPLE.values()])
        for pattern in product("01", repeat=8)
        if 0 < pattern.count("1") < 8
    )
    assert best <= row["upper_bound"] + 1e-9


def test_a_share_above_1_is_explained():
    """An observer that is right where most people are agrees with them better than they agree with each other."""
    best = max((1, 2, 3), key=lambda m: np.mean([kappa(letters, consensus(m)) for letters in PEOPLE.values()]))
    trials = pd.concat([frame(), correct_trials("like-most", "generative", consensus(best))])
    table = noise_ceiling(trials, n_resamples=20)
    row = table.set_index("observer").loc["like-most"]
    assert row["kappa"] == pytest.approx(row["upper_bound"]) and row["share"] > 1
    (note,) = [note for note in table.attrs["notes"] if "share above 1" in note]
    assert note.startswith("a share above 1 in mine (like-most) means")
    assert note.endswith(f"could have is {row['share']:.3f}, at the upper bound")
    assert not [note for note in noise_ceiling(frame(), n_resamples=20).attrs["notes"] if "share above 1" in note]


def test_bounds_of_each_dataset():
    table = noise_ceiling(pd.concat([frame(), frame().assign(dataset="other")]), n_resamples=20)
    bounds = bounds_of_datasets(table)
    assert bounds["dataset"].tolist() == ["mine", "other"] and bounds["n_people"].tolist() == [3, 3]
    assert bounds["upper_bound"].tolist() == table.groupby("dataset")["upper_bound"].first().tolist()


def test_ceiling_is_nan_with_one_person():
    table = noise_ceiling(frame()[lambda f: ~f["observer"].isin(["p2", "p3"])], n_resamples=20).set_index("observer")
    assert table.loc["net", "kappa"] == pytest.approx(kappa(PEOPLE["p1"], NET))
    assert table[["ceiling", "share"]].isna().all(axis=None) and np.isnan(table.loc[MAJORITY, "kappa"])
    assert np.isnan(table.loc["p1", "kappa"]) and table.loc["p1", "n_people"] == 0
    assert table[["lower_bound", "upper_bound", "upper_bound_low"]].isna().all(axis=None)


def test_share_is_nan_if_people_agree_by_chance_or_are_always_right():
    chance = pd.concat([
        correct_trials("p1", "human", "1100"), correct_trials("p2", "human", "1010"),
        correct_trials("net", "generative", "1100"),
    ])  # fmt: skip
    by_chance = noise_ceiling(chance, n_resamples=20)  # the ceiling is 0, but in some resamples it is above 0
    assert by_chance[["share", "share_low", "share_high"]].isna().all(axis=None)
    perfect = noise_ceiling(frame().assign(correct=True), n_resamples=20)
    assert perfect[["kappa", "ceiling", "share"]].isna().all(axis=None)
    other_rule = noise_ceiling(frame().assign(correct=True), rule="model-vs-human", n_resamples=20)
    assert (other_rule["share"] == 1).all()


def test_no_people_and_duplicate_trials():
    nets = frame()[lambda f: f["kind"] != "human"]
    assert len(noise_ceiling(nets)) == 0 and noise_ceiling(nets).attrs["notes"] == [
        "datasets are excluded because no person responded to them in a condition of the benchmark: mine"
    ]
    with pytest.raises(LogError, match="twice"):
        noise_ceiling(pd.concat([frame(), frame()]))


def test_ceiling_of_published_people_is_their_mean_kappa():
    people = read_trials([real("humans", "low-pass")])
    table = noise_ceiling(people, n_resamples=20)
    assert round(table["ceiling"].iloc[0], 4) == 0.4689
    pairs = select_benchmark_conditions(error_consistency(people, intervals=False), "low-pass")
    of_person = pairs[(pairs["observer_1"] == "subject-03") | (pairs["observer_2"] == "subject-03")]
    assert table.set_index("observer").loc["subject-03", "kappa"] == pytest.approx(
        of_person.groupby(["observer_1", "observer_2"])["kappa"].mean().mean()
    )
