"""Experiments from folders of images, and experiments by name."""

import numpy as np
import pytest

from core.errors import StimulusError, UnknownName
from experiments.experiment import Experiment
from experiments.sets.catalog import cached_images
from experiments.sets.folder import from_folder
from experiments.sets.registry import folder_note, make_experiment
from stimuli.images import save_image
from tests.commands import observers as cli

PIXELS = np.zeros((4, 4, 3), np.uint8)


def test_folders_are_categories(tmp_path):
    for name in ("cow/1.png", "cow/IMG (2) ü.png", "pig/3.PNG", "pig/notes.txt", "pig/.hidden.png"):
        path = tmp_path / "farm" / name
        save_image(PIXELS, path) if "png" in name.lower() else path.write_text("x")
    experiment = make_experiment(str(tmp_path / "farm"))
    assert (experiment.name, experiment.choices) == ("farm", ("cow", "pig"))
    assert [(s.id, s.category) for s in experiment.stimuli] == [
        ("1.png", "cow"),
        ("IMG (2) ü.png", "cow"),
        ("3.PNG", "pig"),
    ]


def test_folders_of_conditions_and_the_sixteen_choices(tmp_path):
    for name in ("5/cat/1.png", "0.50/dog/1.png"):
        save_image(PIXELS, tmp_path / "blur" / name)
    experiment = from_folder(tmp_path / "blur")
    assert len(experiment.choices) == 16
    assert {(s.condition, s.category) for s in experiment.stimuli} == {("5", "cat"), ("0.50", "dog")}


def test_files_that_are_not_stimuli_are_skipped(tmp_path):
    """These are the files that macOS adds to archives, hidden files, and a report that was written into the folder."""
    for name in ("cat/1.png", "dog/2.png", "__MACOSX/cat/1.png", ".git/x/3.png", "report/figures/accuracy.png"):
        save_image(PIXELS, tmp_path / "pets" / name)
    (tmp_path / "pets" / "report" / "tables").mkdir()
    for folder in ("report", "dog"):
        (tmp_path / "pets" / folder / "index.html").touch()
    (tmp_path / "pets" / "cat" / "9.png").mkdir()
    assert {s.id for s in from_folder(tmp_path / "pets").stimuli} == {"1.png", "2.png"}


def test_folder_does_not_hide_a_built_in_name(tmp_path, monkeypatch, drawn):
    (tmp_path / "drawn-cue-conflict").mkdir()  # such a folder is made by --out .
    monkeypatch.chdir(tmp_path)
    assert make_experiment("drawn-cue-conflict") == drawn
    with pytest.raises(StimulusError, match="contains no PNG or JPEG images"):
        make_experiment("./drawn-cue-conflict")
    with pytest.raises(UnknownName, match="no experiment is named ''"):
        make_experiment("")


def test_a_note_says_that_a_folder_is_not_the_built_in_experiment(tmp_path, monkeypatch, drawn):
    monkeypatch.chdir(tmp_path)
    assert folder_note("drawn-cue-conflict") == ""
    (tmp_path / "drawn-cue-conflict").mkdir()
    assert folder_note("drawn-cue-conflict") == ""  # a folder of logs
    save_image(PIXELS, tmp_path / "drawn-cue-conflict" / "cow" / "1.png")
    note = "drawn-cue-conflict is the built-in experiment, not the folder drawn-cue-conflict in the current folder"
    assert folder_note("drawn-cue-conflict").startswith(note)
    done = cli("run-experiment", "drawn-cue-conflict", "--observer", "chance", "--limit", 2, "--out", "logs", "--quiet")
    assert f"note: {note}" in done.output
    monkeypatch.chdir(cached_images("drawn-cue-conflict").parent)
    assert folder_note("drawn-cue-conflict") == ""


def test_folder_named_like_a_published_dataset_is_refused(tmp_path):
    save_image(PIXELS, tmp_path / "sketch" / "cat" / "1.png")
    with pytest.raises(StimulusError, match="is named like a published dataset"):
        from_folder(tmp_path / "sketch")


def test_manifest_is_used_unchanged(drawn, tmp_path):
    drawn.stimuli.write(tmp_path / "mine" / "stimuli.csv")
    experiment = from_folder(tmp_path / "mine")
    assert experiment.name == "mine"
    assert experiment.stimuli.digest() == drawn.stimuli.digest()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "contains no PNG or JPEG images and no stimuli.csv"),
        (["1.png"], "expected farm/<category>/<image>"),
        (["a/b/c/1.png"], "expected farm/<category>/<image>"),
        (["a/1.png", "b/1.png"], r"1\.png in two categories; names must be unique"),
        (["a\n/1.png"], r"the name 'a\\n' contains U\+000A LINE FEED"),
        (["a/1.png"], "needs two or more different choices"),
        (
            ["a/1.png", "a/b/2.png"],
            r"has both <category>/<image> \(.*a/1\.png\) and <condition>/.*2\.png\): move the files of one layout",
        ),
    ],
)
def test_other_layouts_are_refused(tmp_path, files, message):
    (tmp_path / "farm").mkdir()
    for name in files:
        save_image(PIXELS, tmp_path / "farm" / name)
    with pytest.raises(StimulusError, match=message):
        from_folder(tmp_path / "farm")


def test_experiments_by_name(tmp_path, drawn):
    assert make_experiment("drawn-cue-conflict") == drawn
    (tmp_path / "mine.py").write_text(
        "from experiments.sets.drawn import cue_conflict\nready = cue_conflict()\ndef make():\n    return ready\nodd = 3\n"
    )
    for name in ("ready", "make"):
        assert isinstance(make_experiment(f"{tmp_path}/mine.py:{name}"), Experiment)
    with pytest.raises(StimulusError, match="is not an Experiment but int"):
        make_experiment(f"{tmp_path}/mine.py:odd")
    with pytest.raises(UnknownName, match="no experiment is named 'cue-conflct': did you mean cue-conflict"):
        make_experiment("cue-conflct")


@pytest.mark.parametrize(("content", "described"), [(b"RIFF1234WEBPVP8 ", "a WebP image"), (b"", "not an image")])
def test_images_of_a_manifest_are_checked_before_the_first_trial(tmp_path, content, described):
    save_image(PIXELS, tmp_path / "cat.png")
    (tmp_path / "dog.png").write_bytes(content)
    (tmp_path / "stimuli.csv").write_text("stimulus,path,category,condition\nc,cat.png,cow,\nd,dog.png,pig,\n")
    with pytest.raises(StimulusError, match=rf"dog\.png is {described}, expected PNG or JPEG: save it as PNG"):
        from_folder(tmp_path)


def _write_manifest(folder, categories, end=""):
    """Write a manifest with one image for each category."""
    for number, _ in enumerate(categories):
        save_image(PIXELS, folder / f"{number}.png")
    rows = [f"{number}.png,{number}.png,{category},\n" for number, category in enumerate(categories)]
    (folder / "stimuli.csv").write_text("stimulus,path,category,condition\n" + "".join(rows) + end)


def test_images_without_a_correct_answer_do_not_add_a_choice(tmp_path):
    _write_manifest(tmp_path / "mixed", ["cow", "pig", "(ambiguous)"])
    assert from_folder(tmp_path / "mixed").choices == ("cow", "pig")
    _write_manifest(tmp_path / "open", ["(ambiguous)"] * 2)
    with pytest.raises(StimulusError, match=r"the category of all images in .* is \(ambiguous\)"):
        from_folder(tmp_path / "open")


def test_the_accuracy_after_a_run_excludes_images_without_a_correct_answer(tmp_path):
    _write_manifest(tmp_path / "mixed", ["cow", "pig", "(ambiguous)"])
    result = cli("run-experiment", tmp_path / "mixed", "--observer", "chance", "--out", tmp_path / "logs", "--quiet")
    assert "trials without a correct answer are excluded (1 trials of mixed)" in result.stderr
    assert result.stdout.splitlines()[1].split()[:4] == ["mixed", "chance", "simulated", "2"]


def test_empty_rows_of_a_manifest_are_ignored(tmp_path):
    _write_manifest(tmp_path / "farm", ["cow", "pig"], end=",,,\n\n \n")
    assert len(from_folder(tmp_path / "farm").stimuli) == 2
