"""Texts lose the folders of paths, and nothing else."""

import pytest

from core.paths import strip_folder, strip_folder_of_reference, without_folders


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/home/anna/x.bin", "x.bin"),
        ("/home/anna/models/a.bin", "a.bin"),
        ("~anna/x", "x"),
        ("~/x/a.bin", "a.bin"),
        (r"C:\Users\anna\x", "x"),
        (r"C:\Users\Anna\a.bin", "a.bin"),
        (r"\\server\anna\a.bin", "a.bin"),
        ("../data/anna/x", "x"),
        ("from '/a/b c/d', then", "from 'd', then"),
        ("recorded:/home/anna/x.csv", "recorded:x.csv"),
        (r"hf:C:\Users\anna\model", "hf:model"),
        ("/home/anna/mine.py:Mine", "mine.py:Mine"),
        ("file:///home/anna/x", "file:x"),
        ("owner/name", "owner/name"),
        ("google/vit-base", "google/vit-base"),
        ("hf:owner/name", "hf:owner/name"),
        ("https://a.org/b/c", "https://a.org/b/c"),
        ("16 / 9 and 1/f", "16 / 9 and 1/f"),
        ("Linux x86_64", "Linux x86_64"),
        ("experiments.demo:make", "experiments.demo:make"),
        ({"a": ["/x/y", 1, None]}, {"a": ["y", 1, None]}),
    ],
)
def test_folders_are_removed_from_paths(value, expected):
    assert without_folders(value) == expected


def test_a_reference_to_a_file_loses_its_folder():
    for reference in ("a/b/mine.py:Mine", r"C:\a\mine.py:Mine", "mine.py:Mine"):
        assert strip_folder(reference) == strip_folder_of_reference(reference) == "mine.py:Mine"
    for text in ("owner/name", "a/b.py", "a/mine.py:Mine and more"):
        assert strip_folder_of_reference(text) == text
