"""Icons to train on: which are taken, from a small archive in the real layout."""

import io
import json
import tarfile

import numpy as np
import pytest

from observers.microcosm import icons
from stimuli.categories import CATEGORIES
from stimuli.errors import ObserverError

SQUARE = '<path fill="currentColor" d="M4 4h4v16h12v-4h-8V4z"/>'  # an L of two bars


def archive(path, sets):
    with tarfile.open(path, "w:gz") as tar:
        for prefix, (license_, names) in sets.items():
            content = json.dumps({
                "prefix": prefix,
                "info": {
                    "name": prefix.title(), "author": {"name": "N. N.", "url": "https://n.n"}, "license": {"spdx": license_},
                },
                "icons": {name: {"body": SQUARE} for name in names},
                "width": 24,
                "height": 24,
            }).encode()  # fmt: skip
            member = tarfile.TarInfo(f"package/json/{prefix}.json")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_names_mean_a_category_or_none():
    assert icons.category_of("cat-outline-24") == "cat"
    assert icons.category_of("cat_fill") == "cat"
    assert icons.category_of("six-oclock") == "clock"
    assert icons.category_of("cat-food") is icons.category_of("scatter") is icons.category_of("outline") is None
    assert {icons.category_of(name) for names in icons.NAMES.values() for name in names.split()} == set(CATEGORIES)


def test_free_sets_only_and_none_of_those_that_are_shown(tmp_path, monkeypatch):
    pytest.importorskip("resvg_py", reason="resvg is not installed: it comes with the extra microcosm")
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    path = archive(tmp_path / "icons.tgz", {
        "free": ("MIT", ["cat", "cat-fill", "window"]), "named": ("CC-BY-4.0", ["dog"]), "not": ("CC-BY-NC-4.0", ["cat"]),
        "copyleft": ("GPL-3.0", ["cat"]), "mdi-light": ("Apache-2.0", ["cat"]), "fa6-solid": ("CC-BY-4.0", ["cat"]),
    })  # fmt: skip
    train, validation = icons.training_shapes(path)
    assert sorted(s.name for s in train + validation) == ["free:cat", "free:cat-fill", "named:dog"]
    assert icons.credits(train + validation, path) == [
        "Free, N. N., MIT, https://n.n", "Named, N. N., CC-BY-4.0, https://n.n",
    ]  # fmt: skip
    again, _ = icons.training_shapes(path)  # from the cache
    assert [s.name for s in again] == [s.name for s in train]
    assert all((a.silhouette == b.silhouette).all() for a, b in zip(again, train, strict=True))
    assert all(s.silhouette.max() == 1 and np.isin(s.category, CATEGORIES) for s in train)


def test_without_resvg_or_a_network(tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    path = archive(tmp_path / "icons.tgz", {"free": ("MIT", ["cat"])})
    with pytest.raises(ObserverError, match=r"drawing icons comes with an extra: pip install .*\[microcosm\]"):
        icons.training_shapes(path)
    monkeypatch.setattr(icons, "ARCHIVE", "http://127.0.0.1:9/json.tgz")
    with pytest.raises(ObserverError, match=r"cannot be downloaded from .*: try again, or give the file by --icons"):
        icons.training_shapes()
