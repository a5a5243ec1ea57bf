"""Tests of stimulus sets, their manifests and digests."""

import numpy as np
import pytest

from core.errors import StimulusError
from stimuli.images import save_image
from stimuli.stimulus import Stimulus, StimulusSet


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b"):
        save_image(np.full((4, 5, 3), ord(name), np.uint8), tmp_path / "images" / f"{name}.png")
    return tmp_path


def test_a_written_manifest_is_read_back_unchanged(folder):
    stimuli = (
        Stimulus("a.png", folder / "images/a.png", "cat", "0.10", {"shape": "cat", "texture": "true"}),
        Stimulus('b, "ü".png', folder / "images/b.png", "dog", "NaN", {"shape": "dog", "texture": "1.0"}),
    )
    original = StimulusSet("set", stimuli)
    original.write(folder / "stimuli.csv")
    copy = StimulusSet.read(folder / "stimuli.csv", "set")
    assert copy == original
    assert copy.digest() == original.digest()
    assert [s.condition for s in copy] == ["0.10", "NaN"]  # text stays text
    assert copy.stimuli[0].pixels().shape == (4, 5, 3)
    assert copy.cue_names == ("shape", "texture")


def test_the_digest_depends_on_content_but_not_on_paths_or_order(folder):
    first, second = Stimulus("a", folder / "images/a.png", "cat"), Stimulus("b", folder / "images/b.png", "dog")
    digest = StimulusSet("x", (first, second)).digest()
    assert StimulusSet("y", (second, first)).digest() == digest
    (folder / "images/c.png").write_bytes((folder / "images/a.png").read_bytes())
    assert StimulusSet("x", (Stimulus("a", folder / "images/c.png", "cat"), second)).digest() == digest
    assert StimulusSet("x", (Stimulus("a", folder / "images/b.png", "cat"), second)).digest() != digest
    assert StimulusSet("x", (Stimulus("a", folder / "images/a.png", "dog"), second)).digest() != digest
    (folder / "images/a.png").unlink()
    with pytest.raises(StimulusError, match=r"a\.png cannot be read"):
        StimulusSet("x", (first, second)).digest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the columns"),
        ("stimulus,path\n", "must begin with the columns stimulus,path,category,condition"),
        ("stimulus,path,category,condition\n", "lists no stimuli"),
        ("stimulus,path,category,condition\na,images/a.png,cat\n", "row 2 has 3 cells, but the header has 4"),
        ("stimulus,path,category,condition\na,images/z.png,cat,\n", r"row 2: the image .*z\.png does not exist"),
        ("stimulus,path,category,condition\n,images/a.png,cat,\n", "the stimulus '' needs both a name and a category"),
        ("stimulus,path,category,condition\na,images/a.png,cat,\na,images/b.png,cat,\n", "'a' in .* is listed twice"),
        ("stimulus,path,category,condition\na,images/a.png,,\n", "'a' needs both a name and a category"),
        ("stimulus,path,category,condition,x,x\na,images/a.png,cat,,1,2\n", "two columns have the same name"),
        ('stimulus,path,category,condition\n"a\nb",images/a.png,cat,\n', r"stimulus 'a\\nb' contains U\+000A LINE FEED"),
        ("stimulus,path,category,condition,response\na,images/a.png,cat,,x\n", "a cue cannot be called 'response'"),
        ("stimulus,path,category,condition,source\na,images/a.png,cat,,x\n", "a cue cannot be called 'source'"),
        (f"stimulus,path,category,condition\n{'a' * 1001},images/a.png,cat,\n", "row 2: a cell has more than 1000"),
        (f"stimulus,path,category,condition,{'a' * 1001}\na,images/a.png,cat,,x\n", "row 1: a cell has more than 1000"),
        ("stimulus,path,category,condition,evidence_cat\na,images/a.png,cat,,x\n", "a cue cannot be called 'evidence_cat'"),
        ('stimulus,path,category,condition\n"a,images/a.png,cat,\n', "cannot be read"),
    ],
)  # fmt: skip
def test_invalid_manifests_are_refused(folder, text, message):
    (folder / "stimuli.csv").write_text(text, "utf-8")
    with pytest.raises(StimulusError, match=message):
        StimulusSet.read(folder / "stimuli.csv")


def test_all_stimuli_need_the_same_cues(tmp_path):
    first = Stimulus("a", tmp_path, "cat", "", {"shape": "cat"})
    with pytest.raises(StimulusError, match=r"x: b has the cues \[\], but the first stimulus has \['shape'\]"):
        StimulusSet("x", (first, Stimulus("b", tmp_path, "cat")))


def test_a_missing_manifest_is_an_error(tmp_path):
    with pytest.raises(StimulusError, match="cannot be read"):
        StimulusSet.read(tmp_path / "stimuli.csv")


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("Stimulus;Path", "'Stimulus;Path'"),
        ("", "empty"),
        ("stimulus,path,kategorie\u200b", r"'stimulus,path,kategorie\u200b'"),
    ],
)
def test_another_header_is_shown_as_text(folder, header, shown):
    (folder / "stimuli.csv").write_text(f"{header}\n", "utf-8")
    with pytest.raises(StimulusError) as error:
        StimulusSet.read(folder / "stimuli.csv")
    assert str(error.value).endswith(f"category,condition, separated by commas, but its first row is {shown}")


def test_a_path_that_a_manifest_cannot_contain_is_refused(folder):
    (folder / "a\nb.png").write_bytes((folder / "images/a.png").read_bytes())
    with pytest.raises(StimulusError, match=r"the path 'a\\nb\.png' contains U\+000A LINE FEED"):
        StimulusSet("x", (Stimulus("a", folder / "a\nb.png", "cat"),)).write(folder / "stimuli.csv")


def test_the_path_in_a_manifest_may_have_spaces_of_any_width(folder):
    (folder / "1\u202fPM.png").write_bytes((folder / "images/a.png").read_bytes())
    rows = "stimulus,path,category,condition\na,1\u202fPM.png,cat,\n"
    (folder / "stimuli.csv").write_text(rows, "utf-8")
    assert StimulusSet.read(folder / "stimuli.csv").stimuli[0].pixels().shape == (4, 5, 3)
    (folder / "stimuli.csv").write_text(rows.replace("1\u202fPM.png", '"1\nPM.png"'), "utf-8")
    with pytest.raises(StimulusError, match=r"row 2: the path '1\\nPM\.png' contains U\+000A LINE FEED"):
        StimulusSet.read(folder / "stimuli.csv")


def test_byte_order_marks_and_other_encodings(folder):
    rows = "stimulus,path,category,condition\nü,images/a.png,cat,\n"
    (folder / "stimuli.csv").write_text(f"\ufeff\ufeff{rows}", "utf-8")
    assert [s.id for s in StimulusSet.read(folder / "stimuli.csv")] == ["ü"]
    for encoding in ("utf-16", "cp1252"):
        (folder / "stimuli.csv").write_text(rows, encoding)
        with pytest.raises(StimulusError, match=r"cannot be read: byte \d+ is not UTF-8; save it as CSV in UTF-8"):
            StimulusSet.read(folder / "stimuli.csv")
