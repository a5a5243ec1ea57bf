"""Merging of shards that were run with different versions of this project or of its packages."""

import json

import pytest
from attrs import field, frozen

from core.errors import LogError
from core.options import added_option
from experiments.running.merging import merge_shards
from experiments.running.session import run
from observers.protocol import Response
from observers.simulated import Ideal
from tests.unit.experiments.logs import sidecar
from tests.unit.experiments.running.shard_runs import edit, run_shards


@frozen
class Rule:
    """An option that is an object, with an option that earlier versions lacked."""

    limit: int = 1
    kind: str | None = field(default=None, metadata=added_option(lambda rule: None))


@frozen
class Improved:
    """An observer with options and entries of the provenance that earlier versions lacked."""

    rate_per: str = field(default="race", metadata=added_option(lambda observer: "round"))
    rule: Rule = Rule()
    preprocessing: str = "crop"
    name: str = "improved"
    kind: str = "discriminative"

    def provenance(self):
        return {"sha256": "a", "preprocessing": self.preprocessing}

    def observe(self, trials):
        yield from (Response(trial.choices[0]) for trial in trials)


def rewrite_as_earlier(part):
    """Rewrite the sidecar of a part log as an earlier version wrote it."""
    facts = sidecar(part)
    del facts["added_options"], facts["provenance"]["preprocessing"]
    options = facts["identity"]["observer"]["options"]
    del options["rate_per"], options["rule"]["kind"]
    part.with_suffix(".json").write_text(json.dumps(facts))


@pytest.mark.parametrize("earlier", [(1, 3), (2,), (1, 2, 3)])
def test_shards_of_an_earlier_version_without_later_options(small, tmp_path, earlier):
    parts = run_shards(small, Improved("round"), tmp_path, (1, 2, 3), 3)
    assert sidecar(parts[0])["added_options"] == {"rate_per": "round", "rule": {"kind": None}}
    for index in earlier:
        rewrite_as_earlier(parts[index - 1])
    (merged,) = merge_shards(tmp_path)
    assert merged.read_bytes() == run(small, Improved("round"), tmp_path / "whole").read_bytes()
    assert ("rate_per" in sidecar(merged)["identity"]["observer"]["options"]) == (len(earlier) < 3)
    merge_shards(tmp_path)  # it exists already


def test_shards_of_an_earlier_version_that_responded_differently(small, tmp_path):
    parts = run_shards(small, Improved("race"), tmp_path, (1, 2), 2)
    rewrite_as_earlier(parts[0])
    with pytest.raises(
        LogError, match=r"2-of-2\.csv and 1-of-2\.csv are .* different sessions \(rate_per race and round"
    ):
        merge_shards(tmp_path)
    parts = run_shards(small, Improved("race"), tmp_path / "other", (1, 2), 2)
    edit(parts[1], provenance={"sha256": "a", "preprocessing": "squash"})
    with pytest.raises(LogError, match=r"are parts of different sessions \(preprocessing squash and crop\)"):
        merge_shards(tmp_path / "other")


def test_versions_must_be_equal_or_accepted(small, tmp_path):
    parts = run_shards(small, Ideal(), tmp_path)
    environment = sidecar(parts[2])["environment"]
    other = environment | {"packages": environment["packages"] | {"numpy": "0.9"}, "commit": "abc"}
    for part in parts[1:3]:
        edit(part, environment=other)
    with pytest.raises(
        LogError, match=r"shards 2-3 were run with different versions from shard 1 \(.*'numpy': '0\.9'.* and .*--accept"
    ):
        merge_shards(tmp_path)
    sentences = []
    (merged,) = merge_shards(tmp_path, accept_versions=True, notify=sentences.append)
    assert (
        "shards 2-3 were run with different versions from shard 1" in sentences[0] and "merged 4 shards" in sentences[1]
    )
    facts = sidecar(merged)
    assert (facts["environment"], facts["other_environments"]) == (environment, [other])
    assert "other_environments" not in sidecar(run(small, Ideal(), tmp_path / "whole"))
