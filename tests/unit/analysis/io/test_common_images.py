"""Observers without a common image: the pairs are found among any number of observers, and quickly."""

import warnings
from collections import Counter
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

from analysis.io import common_images, comparable
from analysis.io.comparable import comparison_notes

COLUMNS = ["dataset", "observer", "stimulus", "condition"]


def frame_of(rows: list[tuple[str, str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).assign(category="cat").astype("category")


def notes_of(rows: list[tuple[str, str, str, str]]) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return list(comparison_notes(frame_of(rows), {}))


def test_reasons_and_numbers_of_pairs_are_those_of_a_direct_comparison():
    rng = np.random.default_rng(0)
    names = ["a.png", "A.jpg", "b.png", "x/b.png", "c.png", "d.png", "e.png", "f.png"]
    rows = []
    for number in range(150):
        images = rng.choice(names, size=rng.integers(1, 4), replace=False)
        rows += [("mine", f"o{number:03d}", str(image), str(rng.integers(2))) for image in images]
    seen = {
        name: ({*zip(trials["stimulus"], trials["condition"], strict=True)}, {*trials["stimulus"]})
        for name, trials in pd.DataFrame(rows, columns=COLUMNS).groupby("observer")
    }
    expected: Counter[str] = Counter()
    for first, second in combinations(seen, 2):
        loose = [{name.rpartition("/")[2].lower().partition(".")[0] for name in seen[o][1]} for o in (first, second)]
        if seen[first][0] & seen[second][0]:
            continue
        is_same = bool(seen[first][1] & seen[second][1]), bool(loose[0] & loose[1])
        expected["conditions" if is_same[0] else "names" if is_same[1] else "images"] += 1
    codes = [pd.Categorical(column).codes for column in zip(*rows, strict=True)]
    names = sorted(names)
    file_names = np.array([name.rpartition("/")[2].lower().partition(".")[0] for name in names])
    groups = common_images.group_by_images(codes[1], codes[2].astype(int) * 2 + codes[3])
    assert 64 < len(groups) < 150, "several blocks of groups, and groups of several observers"
    separate = common_images.find_separate(
        groups, 2, lambda images: np.unique(file_names, return_inverse=True)[1][images]
    )
    assert {reason: pairs.n_pairs for reason, pairs in separate.items()} == dict(expected)
    assert len(expected) == 3


def test_all_of_many_observers_with_images_of_their_own_are_counted():
    """Every pair was compared by the names of all its images, which took minutes, and only the first 300 observers were."""
    rows = [
        ("mine", f"o{observer}", f"{observer}_{image}.png", "") for observer, image in product(range(500), range(40))
    ]
    (note,) = notes_of(rows)
    assert note == (
        "o0 and o1 of mine saw different images, such as '0_0.png' and '1_0.png': they are not compared, like 124,749 other "
        "pairs"
    )


def test_observers_with_the_same_images_are_one_group():
    rows = [("mine", f"o{observer}", f"{image}.png", "") for observer, image in product(range(400), range(3))]
    assert notes_of(rows) == []
    (note,) = notes_of([*rows, ("mine", "other", "x.png", "")])
    assert note.endswith("like 399 other pairs")


def test_a_note_says_that_not_all_observers_were_checked(monkeypatch):
    monkeypatch.setattr(comparable, "MAX_GROUPS", 2)
    rows = [("mine", f"o{observer}", f"{observer}.png", "") for observer in range(3)]
    assert notes_of(rows) == [
        "o0 and o1 of mine saw different images, such as '0.png' and '1.png': they are not compared",
        "the observers of mine saw 3 different lists of images; only the observers of the first 2 lists were checked for "
        "images in common",
    ]


@pytest.mark.parametrize("n", [1, 2])
def test_one_observer_or_the_same_images_have_no_notes(n):
    assert notes_of([("mine", f"o{observer}", "a.png", "") for observer in range(n)]) == []


def test_several_hundred_datasets_of_a_folder_are_compared(tmp_path):
    datasets = [f"d{number:03d}" for number in range(320)]
    rows = [(dataset, "net", f"{dataset}.png", "") for dataset in datasets]
    rows += [(dataset, "net", "same.png", "") for dataset in datasets[-2:]]
    guessed = {tmp_path / f"{dataset}.csv": dataset for dataset in datasets}
    assert list(comparison_notes(frame_of(rows), guessed)) == [
        "files in one folder belong to 2 datasets according to their names, d318, d319, but have the same images, such as "
        "'same.png'; if they are one dataset, --replace 'dataset:d319=d318' merges them"
    ]
