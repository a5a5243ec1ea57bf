"""The noise ceiling by hand, and without people to set one."""

import numpy as np
import pandas as pd
import pytest

from analysis.ceiling import COLUMNS, MAJORITY, noise_ceiling
from analysis.consistency import consistency, included
from analysis.frame import read_trials
from stimuli.errors import LogError
from tests.analysis.frames import right
from tests.conftest import real


def k(a, b):
    a, b = (np.array([float(x) for x in each]) for each in (a, b))
    expected = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    return (np.mean(a == b) - expected) / (1 - expected)


SAID = {"p1": "11101100", "p2": "11011100", "p3": "10101110"}
NET = "11100101"


def frame():
    people = [right(n, "human", said) for n, said in SAID.items()]
    return pd.concat([*people, right("net", "generative", NET)])


def test_by_hand():
    table = noise_ceiling(frame(), n_resamples=100)
    assert tuple(table.columns) == COLUMNS and list(table["observer"]) == ["p1", "p2", "p3", MAJORITY, "net"]
    rows = table.set_index("observer")
    alone = {p: np.mean([k(SAID[p], SAID[q]) for q in SAID if q != p]) for p in SAID}
    for person, value in alone.items():
        assert rows.loc[person, "kappa"] == pytest.approx(value) and rows.loc[person, "n_people"] == 2
    ceiling = np.mean(list(alone.values()))
    assert table["ceiling"].tolist() == pytest.approx([ceiling] * 5) and (table["ceiling_low"] < ceiling).all()
    net = rows.loc["net"]
    assert net["kappa"] == pytest.approx(np.mean([k(said, NET) for said in SAID.values()])) and net["n_people"] == 3
    assert net["share"] == pytest.approx(net["kappa"] / ceiling)
    # Of two others a majority is both: right only where both are.
    both = [
        np.mean([k(SAID[p], ["1" if all(SAID[q][i] == "1" for q in SAID if q != p) else "0" for i in range(8)])])
        for p in SAID
    ]
    assert rows.loc[MAJORITY, "kappa"] == pytest.approx(np.mean(both))


def test_one_person_sets_no_ceiling():
    table = noise_ceiling(frame()[lambda f: ~f["observer"].isin(["p2", "p3"])], n_resamples=20).set_index("observer")
    assert table.loc["net", "kappa"] == pytest.approx(k(SAID["p1"], NET))
    assert table[["ceiling", "share"]].isna().all(axis=None) and np.isnan(table.loc[MAJORITY, "kappa"])
    assert np.isnan(table.loc["p1", "kappa"]) and table.loc["p1", "n_people"] == 0


def test_people_who_agree_by_chance_or_always_set_no_standard():
    chance = pd.concat([right("p1", "human", "1100"), right("p2", "human", "1010"), right("net", "generative", "1100")])
    assert noise_ceiling(chance, n_resamples=20)["share"].isna().all()  # the ceiling is 0
    perfect = noise_ceiling(frame().assign(correct=True), n_resamples=20)
    assert perfect[["kappa", "ceiling", "share"]].isna().all(axis=None)
    strict = noise_ceiling(frame().assign(correct=True), rule="model-vs-human", n_resamples=20)
    assert (strict["share"] == 1).all()


def test_nobody_and_twice():
    nets = frame()[lambda f: f["kind"] != "human"]
    assert len(noise_ceiling(nets)) == 0 and noise_ceiling(nets).attrs["notes"] == [
        "left out, since no person answered them in a condition that counts: mine"
    ]
    with pytest.raises(LogError, match="twice"):
        noise_ceiling(pd.concat([frame(), frame()]))


def test_of_the_published_people_it_is_their_mean_kappa():
    people = read_trials([real("humans", "low-pass")])
    table = noise_ceiling(people, n_resamples=20)
    assert round(table["ceiling"].iloc[0], 4) == 0.4689
    pairs = included(consistency(people, intervals=False), "low-pass")
    own = pairs[(pairs["observer_1"] == "subject-03") | (pairs["observer_2"] == "subject-03")]
    assert table.set_index("observer").loc["subject-03", "kappa"] == pytest.approx(
        own.groupby(["observer_1", "observer_2"])["kappa"].mean().mean()
    )
