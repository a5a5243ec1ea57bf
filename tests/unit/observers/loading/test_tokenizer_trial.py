"""A tokenizer.json that would end or stop the process is refused after a trial in another process."""

import json
import sys

import pytest

from core.errors import ObserverError
from observers.checkpoints import load_tokenizer
from observers.loading import tokenizer_trial
from observers.loading.tokenizer_trial import try_tokenizer
from tests.unit.observers.generative.tiny_flow import t5_tokenizer


@pytest.fixture
def path(tmp_path):
    t5_tokenizer(tmp_path)
    return tmp_path / "tokenizer.json"


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_good_file_is_tried_once(path):
    before = tokenizer_trial._find_failure.cache_info()
    try_tokenizer(path, "m")
    try_tokenizer(path, "m")
    after = tokenizer_trial._find_failure.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 1)


def test_other_kinds_of_tokenizers_are_not_tried(tmp_path):
    try_tokenizer(tmp_path / "tokenizer.json", "m")


@pytest.mark.slow
def test_rules_that_exhaust_the_memory_are_refused(path):
    """They end the process that encodes a text, and no exception could be caught."""
    rule = {"type": "Replace", "pattern": {"Regex": "."}, "content": "x" * 1000}
    change(path, normalizer={"type": "Sequence", "normalizers": [rule] * 6})
    with pytest.raises(
        ObserverError, match=r"^m: .*tokenizer\.json cannot be used by tokenizers \(.*\): download the file"
    ):
        load_tokenizer(path.parent, "m")


def test_padding_to_a_huge_length_is_refused(path):
    change(path, padding={"strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                          "pad_type_id": 0, "pad_token": "<pad>"})  # fmt: skip
    with pytest.raises(
        ObserverError, match=r"tokenizer\.json cannot be used by tokenizers \(.*\): download the file again"
    ):
        load_tokenizer(path.parent, "m")


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_a_slow_file_is_refused(path, monkeypatch, seconds):
    """With 0 seconds, the wait ends; with 1 second, the operating system ends the process."""
    monkeypatch.setattr(tokenizer_trial, "MIN_SECONDS", seconds)
    monkeypatch.setattr(tokenizer_trial, "SECONDS_PER_MEGABYTE", 0.0)
    monkeypatch.setattr(tokenizer_trial, "MAX_WAIT", 1000)
    rule = {"type": "Replace", "pattern": {"Regex": "."}, "content": "xx"}
    change(path, normalizer={"type": "Sequence", "normalizers": [rule] * 14})
    with pytest.raises(ObserverError, match=rf"\(it does not encode a short text within {seconds:.0f} seconds\)"):
        try_tokenizer(path, "m")


def test_without_a_process_the_file_is_loaded_with_a_note(path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", str(path.with_name("missing")))
    try_tokenizer(path, "m")
    assert "tokenizer.json is loaded without a test, because a process cannot be started (" in capsys.readouterr().err


def test_the_message_of_the_library_is_quoted(path):
    change(path, model={"type": "Unigram", "unk_id": 2, "vocab": 3})
    with pytest.raises(ObserverError, match=r"cannot be used by tokenizers \(.*invalid type: integer `3`"):
        load_tokenizer(path.parent, "m")
