"""The number of refusals of the consent, and the records of texts and consent in the sidecar."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import LogError
from experiments.people.refusals import REFUSALS, count_refusal, read_refusals
from experiments.running.session_records import add_session_records

TEXTS = {"language": "de", "sha256": "0" * 64, "consent_version": "2"}


def test_refusals_are_counted_by_experiment_version_and_language(tmp_path):
    assert read_refusals(tmp_path) == []
    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(lambda _: count_refusal(tmp_path, "small", TEXTS), range(8)))
    assert sorted(counts) == list(range(1, 9))
    assert count_refusal(tmp_path, "small", TEXTS | {"consent_version": "3"}) == 1
    assert count_refusal(tmp_path, "other", TEXTS | {"language": "en"}) == 1
    content = json.loads((tmp_path / REFUSALS).read_text())
    expected = {"experiment": "small", "consent_version": "2", "language": "de", "n_refusals": 8}
    assert content == read_refusals(tmp_path) and content[0] == expected and len(content) == 3


@pytest.mark.parametrize("content", ["[", "{}", '[{"experiment": "small"}]', "5"])
def test_damaged_files_are_refused(content, tmp_path):
    (tmp_path / REFUSALS).write_text(content)
    with pytest.raises(LogError, match=r"consent-refusals.json (does not contain valid|cannot be read)"):
        count_refusal(tmp_path, "small", TEXTS)
    assert (tmp_path / REFUSALS).read_text() == content


def test_records_of_each_run_are_kept():
    class Person:
        name, kind = "K7", "human"
        language = "en"

        def observe(self, trials):
            yield from ()

        def session_records(self):
            return {"texts": {"language": self.language}}

    sidecar, person = {}, Person()
    assert add_session_records(sidecar, person) and not add_session_records(sidecar, person)
    person.language = "de"
    assert add_session_records(sidecar, person)
    assert sidecar == {"session_records": {"texts": [{"language": "en"}, {"language": "de"}]}}
    assert not add_session_records(sidecar, object())
