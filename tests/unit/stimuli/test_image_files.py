"""Tests of folders of images: which files are images, and what is said about the others."""

import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

from core.errors import StimulusError
from experiments import log
from experiments.sets.folder import from_folder
from stimuli.folder import read_folder
from stimuli.image_files import scan_folder
from stimuli.images import save_image
from tests.commands import observers as cli

PIXELS = np.zeros((16, 16, 3), np.uint8)


@pytest.fixture
def photos(tmp_path):
    """A folder with one image in each of two categories."""
    for name in ("cat/1.png", "dog/2.png"):
        save_image(PIXELS, tmp_path / "photos" / name)
    return tmp_path / "photos"


def save_as(path, image_format):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path, format=image_format)


@pytest.mark.parametrize("name", ["3.jfif", "3.JPE", "3.jpeg", "3.jif", "3.pjpeg", "3", "3.webp", "3.png", "3.heic"])
def test_jpeg_files_are_images_whatever_their_suffix(photos, name):
    save_as(photos / "cow" / name, "JPEG")
    experiment = from_folder(photos)
    assert "cow" in experiment.choices or "cow" in {s.category for s in experiment.stimuli}
    assert [s.pixels().shape for s in experiment.stimuli if s.category == "cow"] == [(16, 16, 3)]
    assert experiment.stimuli.notes == ()


@pytest.mark.parametrize(
    ("image_format", "suffix"),
    [("WEBP", "webp"), ("AVIF", "avif"), ("GIF", "GIF"), ("BMP", "bmp"), ("TIFF", "tif"), ("WEBP", "jpg"), ("AVIF", "png"),
     ("JPEG2000", "jp2")],
)  # fmt: skip
def test_images_in_other_formats_are_refused_with_their_names(photos, image_format, suffix):
    for name in ("3", "4", "5", "6"):
        save_as(photos / "cow" / f"{name}.{suffix}", image_format)
    name = {"WEBP": "WebP", "JPEG2000": "JPEG 2000"}.get(image_format, image_format)
    message = (
        rf"neither PNG nor JPEG: 4 × {name} \(cow/3\.{suffix}, cow/4\.{suffix}, cow/5\.{suffix}, …\); save them as PNG"
    )
    with pytest.raises(StimulusError, match=message):
        from_folder(photos)
    assert len(read_folder(photos, keep_unusable=True)) == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"1 × empty file \(cow/3\.png\)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", r"1 × Git LFS pointer without the image"),
        (b"<html>", r"1 × unknown format \(cow/3\.png\)"),
        (b"\0\0\0\x1cftypheic\0\0\0\0", r"1 × HEIC"),
    ],
)
def test_files_that_are_only_named_like_images_are_refused(photos, content, message):
    (photos / "cow").mkdir()
    (photos / "cow" / "3.png").write_bytes(content)
    with pytest.raises(StimulusError, match=message):
        read_folder(photos)


def test_links_to_nowhere_and_special_files_are_refused(photos):
    (photos / "cat" / "3.png").symlink_to(photos / "missing.png")
    with pytest.raises(StimulusError, match=r"1 × broken link or special file \(cat/3\.png\)"):
        read_folder(photos)
    (photos / "cat" / "3.png").unlink()
    os.mkfifo(photos / "cat" / "3.png")
    with pytest.raises(StimulusError, match=r"1 × broken link or special file \(cat/3\.png\)"):
        read_folder(photos)


def test_other_files_are_counted_in_a_note(photos):
    (photos / "notes.txt").touch()
    assert read_folder(photos).notes == ("'photos': 1 file is not an image and is skipped: notes.txt",)
    for name in ("a.csv", "b.mp4", "c", "Thumbs.db", ".hidden.txt"):
        (photos / "cat" / name).touch()
    (photos / "zebra").mkdir()
    save_as(photos / "dog" / "2.png.bak", "PNG")
    assert read_folder(photos).where(lambda s: s.category == "cat").notes == (
        "'photos': 4 files are not images and are skipped: cat/a.csv, cat/b.mp4, cat/c, …",
        "'photos': 1 image has the suffix of another file type and is skipped: dog/2.png.bak",
        "'photos': folders without images are skipped: zebra",
    )


def test_notes_are_printed_and_recorded_in_the_sidecar(photos, tmp_path):
    (photos / "cat" / "notes.txt").touch()
    note = "'photos': 1 file is not an image and is skipped: cat/notes.txt"
    done = cli("run-experiment", photos, "--observer", "chance", "--out", tmp_path / "logs", "--quiet")
    assert done.output.count(f"note: {note}") == 1
    assert log.read_sidecar(log.log_path(tmp_path / "logs", "photos", "chance", 1))["stimuli_notes"] == [note]
    done = cli("make-stimuli", "contrast", photos, tmp_path / "set", "--levels", "c10", "--quiet", "--workers", 1)
    assert f"note: {note}" in done.output


def test_a_folder_without_images_names_what_it_contains(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.txt").touch()
    with pytest.raises(StimulusError, match=r"contains no PNG or JPEG images .*1 file is not an image .*: a\.txt"):
        read_folder(tmp_path / "photos")


@pytest.mark.parametrize(
    "name", ["d’été (1).png", "हिन्दी.png", "👩\u200d💻.png", "Screenshot 10\u202fPM.png", "(1) [x], y+z.png", "-x.png"]
)
def test_allowed_names_of_files_are_accepted(photos, name):
    save_image(PIXELS, photos / "cat" / name)
    assert name in {s.id for s in read_folder(photos)}


def test_names_of_macos_are_normalized(photos):
    decomposed = unicodedata.normalize("NFD", "é.png")
    save_image(PIXELS, photos / "cat" / decomposed)
    (added,) = read_folder(photos).where(lambda s: s.id == "é.png")
    assert added.pixels().shape == (16, 16, 3)
    (photos / "stimuli.csv").write_text(
        "stimulus,path,category,condition\na,cat/é.png,cat,\nb,dog/2.png,dog,\n", "utf-8"
    )
    assert [s.pixels().shape for s in read_folder(photos)] == [
        (16, 16, 3)
    ] * 2  # the path is not normalized in the same way
    (photos / "stimuli.csv").unlink()
    save_image(PIXELS, photos / "cat" / "é.png")
    with pytest.raises(
        StimulusError, match=r"two images whose names are the same after Unicode normalization, 'é\.png'"
    ):
        read_folder(photos)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("c\u200bat/3.png", r"the name 'c\\u200bat' contains U\+200B ZERO WIDTH SPACE"),
        ("cat/a\tb.png", r"the name 'a\\tb\.png' contains U\+0009 TAB"),
        ("cat/\udce9.png", r"contains U\+DCE9 \(a lone surrogate"),
        ("cat /3.png", "the name 'cat ' begins or ends with a space"),
        ("a:b/3.png", "contains :, which some operating systems do not allow"),
        ("con/3.png", "is the name of a device in Windows"),
    ],
)
def test_other_names_of_files_are_refused(photos, name, message):
    save_image(PIXELS, photos / name)
    with pytest.raises(StimulusError, match=message):
        read_folder(photos)


def test_an_image_that_cannot_be_read_is_an_error_but_another_file_is_not(tmp_path, monkeypatch):
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    monkeypatch.setattr("builtins.open", _refuse)
    with pytest.raises(StimulusError, match=r"x\.png' cannot be read: Permission denied"):
        scan_folder(tmp_path)
    (tmp_path / "x.png").rename(tmp_path / "x.txt")
    assert scan_folder(tmp_path).passed_over == (tmp_path / "x.txt",)


def _refuse(*_):
    raise PermissionError(13, "Permission denied")


def test_categories_that_differ_only_in_case_are_noted(photos):
    for folder in ("Cat", "CAT"):
        save_image(PIXELS, photos / folder / f"{folder}.png")
    note = (
        "'photos': some categories differ only in upper and lower case and count as different categories: "
        "'CAT' and 'Cat' and 'cat'; if they are the same, give them the same name"
    )
    stimuli = read_folder(photos)
    assert note in stimuli.notes
    stimuli.write(photos / "stimuli.csv")
    assert note in read_folder(photos).notes
