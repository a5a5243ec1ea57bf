"""Exclusion rules: files, limits, and their declaration in the sidecar of a session."""

import hashlib

import pytest
from attrs import evolve

from core.errors import LogError, UserError
from experiments.exclusion_rules import ExclusionRules, declared_rules, read_exclusion_rules
from experiments.log import read_sidecar, write_sidecar
from experiments.running.session import run
from observers.simulated import Biased

TEXT = "# agreed on in March\nmax_missed = 0.05\nmin_median_rt = 0.2\n"


def test_a_file_of_rules(tmp_path):
    path = tmp_path / "exclusions.toml"
    path.write_text(TEXT)
    rules = read_exclusion_rules(path)
    assert rules.limits() == {"max_missed": 0.05, "min_median_rt": 0.2}
    assert rules.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_missing = 0.05", "'max_missing' is not an exclusion rule; the rules are min_attention_accuracy, max_missed"),
        ("max_missed = 5", "the exclusion rule max_missed is 5, expected a number from 0 to 1"),
        ("max_missed = '5 %'", "expected a number from 0 to 1"),
        ("max_missed = true", "expected a number from 0 to 1"),
        ("max_missed = nan", "expected a number from 0 to 1"),
        ("min_median_rt = 4000", "expected a number from 0 to 3600"),
        ("", "exclusion rules are missing: set one or more of min_attention_accuracy"),
        ("min_median_rt = 1.0\nmax_median_rt = 0.5", "expected a smaller minimum than maximum"),
        ("max_missed", "is not a TOML file"),
        ("a = " + "[" * 20_000, "its values are nested too deeply|is not a TOML file"),
        ("# " + "x" * 200_000, "expected a file of exclusion rules with up to 100,000"),
    ],
)  # fmt: skip
def test_files_that_are_refused(tmp_path, text, message):
    path = tmp_path / "exclusions.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_exclusion_rules(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"the exclusion rules .* cannot be read: No such file"):
        read_exclusion_rules(tmp_path / "exclusions.toml")


def test_rules_are_declared_before_data_collection(few, tmp_path):
    rules = ExclusionRules(max_missed=0.05, sha256="a")
    path = run(few, Biased(0.8), tmp_path, limit=2, exclusions=rules)
    sidecar = read_sidecar(path)
    assert declared_rules(sidecar, path) == rules and "exclusions" not in sidecar["identity"]
    run(few, Biased(0.8), tmp_path, limit=3)  # the rules stay
    run(few, Biased(0.8), tmp_path, limit=4, exclusions=rules)
    assert declared_rules(read_sidecar(path), path) == rules
    with pytest.raises(LogError, match="was started with other exclusion rules"):
        run(few, Biased(0.8), tmp_path, exclusions=evolve(rules, sha256="b"))
    run(few, Biased(0.2), tmp_path, limit=2)
    with pytest.raises(LogError, match="was started without exclusion rules, and rules must be declared before data"):
        run(few, Biased(0.2), tmp_path, exclusions=rules)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"rules": {"max_missed": 0.1}}, "expected exclusion rules with their SHA-256"),
        ({"rules": [], "sha256": ""}, "expected exclusion rules with their SHA-256"),
        ({"rules": {"max_missed": 7}, "sha256": ""}, "expected a number from 0 to 1; restore the original"),
    ],
)
def test_damaged_rules_in_a_sidecar(few, tmp_path, entry, message):
    path = run(few, Biased(0.8), tmp_path, limit=2)
    write_sidecar(path, read_sidecar(path) | {"exclusions": entry})
    with pytest.raises(LogError, match=message):
        declared_rules(read_sidecar(path), path)
