"""The twelve published distortions of one folder of photographs, and the slowest one of them on several workers."""

import itertools

from experiments.sets.folder import from_folder
from stimuli.published.datasets import DATASETS
from tests.unit.stimuli.build.set_building import cli
from tests.unit.stimuli.build.test_set_builder import check_the_bytes_of_a_set


def test_published_12_builds_twelve_sets(source, tmp_path):
    done = cli("make-stimuli", "published-12", source, tmp_path / "all", "--workers", 1, "--quiet")
    assert done.exit_code == 0, done.output
    folders = sorted((tmp_path / "all").iterdir())
    assert len(folders) == 12
    assert folders[0].name == "photos-colour"
    assert all(len(from_folder(folder).stimuli) == 34 for folder in folders)
    # The level of an image in one set does not depend on its level in another.
    ranks = [
        {
            s.id: [c.name for c in DATASETS[name].conditions].index(s.condition)
            for s in from_folder(tmp_path / "all" / f"photos-{name}").stimuli
        }
        for name in ("contrast", "uniform-noise", "high-pass")
    ]
    for first, second in itertools.combinations(ranks, 2):
        assert sum(first[image] == second[image] for image in first) < 15  # of 34 images; an eighth agrees by chance
    assert cli("make-stimuli", "published-12", source, tmp_path / "x", "--levels", "1").exit_code == 2


def test_eidolons_depend_on_the_seed_and_not_on_the_number_of_workers(source, tmp_path):
    check_the_bytes_of_a_set("eidolonIII", source, tmp_path)
