"""The selection of training icons, from a small archive in the layout of the real one."""

import io
import json
import tarfile

import numpy as np
import pytest

from core.errors import ObserverError
from core.extras import MissingExtra
from observers.microcosm.training import icons
from stimuli.categories import CATEGORIES

SVG_PATH = '<path fill="currentColor" d="M4 4h4v16h12v-4h-8V4z"/>'  # an L of two bars


def write_archive(path, icon_sets):
    with tarfile.open(path, "w:gz") as tar:
        for prefix, (license_, names) in icon_sets.items():
            content = json.dumps({
                "prefix": prefix,
                "info": {
                    "name": prefix.title(), "author": {"name": "N. N.", "url": "https://n.n"}, "license": {"spdx": license_},
                },
                "icons": {name: {"body": SVG_PATH} for name in names},
                "width": 24,
                "height": 24,
            }).encode()  # fmt: skip
            member = tarfile.TarInfo(f"package/json/{prefix}.json")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_the_category_follows_from_the_name():
    assert icons.category_from_name("cat-outline-24") == "cat"
    assert icons.category_from_name("cat_fill") == "cat"
    assert icons.category_from_name("six-oclock") == "clock"
    for name in ("cat-food", "scatter", "outline"):
        assert icons.category_from_name(name) is None
    categories = {icons.category_from_name(name) for names in icons.NAMES.values() for name in names.split()}
    assert categories == set(CATEGORIES)


def test_only_free_icon_sets_of_other_families_are_used(tmp_path, monkeypatch):
    pytest.importorskip("resvg_py", reason="resvg is not installed: it comes with the extra microcosm")
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    path = write_archive(tmp_path / "icons.tgz", {
        "free": ("MIT", ["cat", "cat-fill", "window"]), "named": ("CC-BY-4.0", ["dog"]), "not": ("CC-BY-NC-4.0", ["cat"]),
        "copyleft": ("GPL-3.0", ["cat"]), "mdi-light": ("Apache-2.0", ["cat"]), "fa6-solid": ("CC-BY-4.0", ["cat"]),
    })  # fmt: skip
    train, validation = icons.load_training_shapes(path)
    assert sorted(s.name for s in train + validation) == ["free:cat", "free:cat-fill", "named:dog"]
    assert icons.list_credits(train + validation, path) == [
        "Free, N. N., MIT, https://n.n", "Named, N. N., CC-BY-4.0, https://n.n",
    ]  # fmt: skip
    cached, _ = icons.load_training_shapes(path)
    assert [s.name for s in cached] == [s.name for s in train]
    assert all((a.silhouette == b.silhouette).all() for a, b in zip(cached, train, strict=True))
    assert all(s.silhouette.max() == 1 and np.isin(s.category, CATEGORIES) for s in train)


def test_missing_resvg_and_missing_network_are_errors(tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    path = write_archive(tmp_path / "icons.tgz", {"free": ("MIT", ["cat"])})
    with pytest.raises(MissingExtra, match=r'^drawing icons needs resvg-py: .* install "observers\[microcosm\]"$'):
        icons.load_training_shapes(path)
    monkeypatch.setattr(icons, "ARCHIVE", "http://127.0.0.1:9/json.tgz")
    with pytest.raises(ObserverError, match=r"cannot be downloaded from .*: try again, or pass the file with --icons"):
        icons.load_training_shapes()
