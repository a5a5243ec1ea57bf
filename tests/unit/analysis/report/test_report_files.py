"""The files of a report besides its figures and tables: thumbnails, responses encoded as letters, and provenance."""

import json

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from PIL import Image

from analysis.io.frame import read_trials
from analysis.measures.by_image import responses_by_image
from analysis.report.provenance import provenance, provenance_table
from analysis.report.report import write_report
from analysis.report.sections.scripts import FIRST_EXTRA, LETTERS, N_LETTERS, as_json, letter, numbers
from analysis.report.thumbnails import LARGE_SIDE, copy_thumbnails
from analysis.report.trial_browser import N_IMAGES
from core.errors import StimulusError
from experiments.running.session import run
from observers.simulated import Biased, Ideal
from stimuli.images import save_image
from stimuli.stimulus import Stimulus, StimulusSet
from tests.unit.analysis.report.simulated_reports import page_text, read_data, trials

pytestmark = pytest.mark.usefixtures("empty_figures")


def test_letters_are_unlimited_and_need_no_escape():
    letters = [letter(n) for n in (*range(200), 60_000)]
    assert (
        len(set(letters)) == len(letters)
        and letters[:N_LETTERS] == list(LETTERS)
        and letters[N_LETTERS] == chr(FIRST_EXTRA)
    )
    assert as_json("".join(letters))[1:-1] == "".join(letters)
    assert not {" ", "!", '"', "\\", "<"} & set(letters)
    assert not 0xD800 <= ord(letter(0xD800 - FIRST_EXTRA + N_LETTERS)) < 0xE000


def test_no_text_can_end_a_script():
    text = "</script><!--\u2028\u2029\"'&"
    assert json.loads(as_json([text])) == [text]
    assert not {"<", "\u2028", "\u2029"} & set(as_json(text))
    assert numbers([0.12344, 1.0, float("nan"), float("inf"), -0.0]) == [0.123, 1, None, None, 0]


@pytest.mark.slow
def test_an_interrupted_report_keeps_the_earlier_one_and_its_files_are_removed_later(tmp_path, monkeypatch):
    out = tmp_path / "report"
    write_report(trials("own", {"net": "generative"}, n=8), out, intervals=False)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("analysis.report.pages.write_pages", stop)
        with pytest.raises(KeyboardInterrupt):
            write_report(trials("other", {"net": "generative"}, n=8), out, intervals=False)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    for name in (".writing", ".report-abc"):
        (out / name).mkdir()
        (out / name / "index.html").write_text("half")
    (out / "mine.txt").write_text("mine")
    write_report(trials("other", {"net": "generative"}, n=8), out, intervals=False)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {*(out / "made.txt").read_text().splitlines(), "made.txt", "mine.txt"}
    assert not any("own" in name for name in files)
    assert {path.name for path in out.iterdir() if path.name.startswith(".")} == set()


@pytest.fixture
def stimulus_set(tmp_path):
    """A stimulus set with four files, two of which have the same content."""
    for i in range(4):
        save_image(np.full((300, 200, 3), 40 * (i % 3), np.uint8), tmp_path / "shown" / f"{i}.png")
    return StimulusSet(
        "own", tuple(Stimulus(f"{i}.png", tmp_path / "shown" / f"{i}.png", "cat") for i in range(4)), "Me"
    )


def test_an_image_is_copied_once_and_only_if_it_has_responses(stimulus_set, tmp_path):
    images = responses_by_image(trials("own", {"net": "generative"}, n=6))
    thumbnails = copy_thumbnails(tmp_path, images, [stimulus_set], {})
    assert [key[1] for key in thumbnails.names] == [f"{i}.png" for i in range(4)]
    files = list((tmp_path / "thumbnails").iterdir())
    assert len(files) == 3 and {file.stem for file in files} == set(thumbnails.names.values())
    with Image.open(files[0]) as image:
        assert max(image.size) == LARGE_SIDE and image.format == "JPEG"
    assert thumbnails.credits == {"own": "Me"} and thumbnails.notes == ()
    assert not copy_thumbnails(tmp_path / "b", images[:0], [stimulus_set], {}).names
    assert not (tmp_path / "b").exists()


def test_images_that_differ_from_the_shown_ones_are_not_copied(stimulus_set, tmp_path):
    images = responses_by_image(trials("own", {"net": "generative"}, n=4))
    assert len(copy_thumbnails(tmp_path, images, [stimulus_set], {"own": stimulus_set.digest()}).names) == 4
    thumbnails = copy_thumbnails(tmp_path, images, [stimulus_set], {"own": "0" * 64})
    assert not thumbnails.names and thumbnails.notes[0].startswith("images of own are not shown")
    stimulus_set.stimuli[0].path.write_bytes(b"no image")
    with pytest.raises(StimulusError, match="is not a PNG or JPEG image"):
        copy_thumbnails(tmp_path, images, [stimulus_set], {})


@pytest.mark.slow
def test_responses_and_evidence_are_encoded(tmp_path):
    n = N_IMAGES + 5
    frame = trials("own", {"subject-01": "human", "net": "generative", "coin": "simulated"}, n=n, cues=True)
    frame = frame.drop(index=1)  # subject-01 was not shown 1.png
    rng, net = np.random.default_rng(0), frame["observer"] == "net"
    for k, choice in enumerate(("cat", "dog", "car")):
        frame[f"evidence_{choice}"] = np.where(net, -5000 - 10 * rng.random(len(frame)) * (k + 1), np.nan)
    frame.loc[frame.index[net][0], "evidence_car"] = np.nan
    frame["rt"] = np.where(frame["kind"] == "human", 0.5126, np.nan)
    write_report(frame, tmp_path, intervals=False)
    data = read_data(tmp_path / "data" / "trials_own.js")
    index = {name: i for i, name in enumerate(data["letters"])}
    for row in frame.itertuples():
        o, i = data["names"].index(row.observer), data["stimulus"].index(row.stimulus)
        code = data["answers"][o][i]
        assert (data["words"][index[code]] if code in index else {"!": ""}[code]) == row.response
        assert data["words"][data["categories"][i]] == row.category
        assert data["words"][data["cues"]["texture"][i]] == row.texture
    assert data["answers"][data["names"].index("subject-01")][data["stimulus"].index("1.png")] == " "
    choices, steps = data["more"]["choices"], {name: step for step, name in enumerate(LETTERS)}
    assert choices == ["cat", "dog", "car"] and len(list((tmp_path / "data").glob("details_own_*.js"))) == 2
    for row in frame[net].itertuples():
        i = data["stimulus"].index(row.stimulus)
        part = read_data(tmp_path / "data" / f"details_own_{i // N_IMAGES}.js")
        evidence, at = part["evidence"][str(data["names"].index("net"))], i % N_IMAGES
        low, high = evidence["low"][at], evidence["high"][at]
        for k, choice in enumerate(choices):
            code, value = evidence["steps"][at * 3 + k], getattr(row, f"evidence_{choice}")
            if np.isnan(value):
                assert code == " "
            else:
                assert low + (high - low) * steps[code] / (N_LETTERS - 1) == pytest.approx(
                    value, abs=(high - low) / 170 + 1e-2
                )
        assert part["rt"][str(data["names"].index("subject-01"))][at] in (0.513, None)
        assert set(part["rt"]) == {str(data["names"].index("subject-01"))}


@pytest.mark.slow
def test_provenance_contains_options_and_versions_but_no_folders(small, tmp_path):
    paths = [
        run(small, Ideal(), tmp_path / "secret-home" / "logs"),
        run(small, Biased(seed=3), tmp_path / "logs", limit=5),
    ]
    sidecar = json.loads(paths[0].with_suffix(".json").read_text())
    sidecar["identity"]["observer"]["options"]["weights"] = f"{tmp_path}/secret-home/model.bin"
    paths[0].with_suffix(".json").write_text(json.dumps(sidecar))
    frame = read_trials(paths)
    origin = provenance(frame)
    assert origin.digests == {"small": small.stimuli.digest()}
    table = origin.table.set_index("observer")
    assert list(table["status"]) == ["complete", "5 of 32 trials"]
    assert json.loads(table.loc["ideal", "options"])["weights"] == "model.bin"
    assert "numpy" in table.loc["ideal", "environment"]
    out = tmp_path / "report"
    page = write_report(frame, out, intervals=False, stimuli=[evolve(small.stimuli, name="small")]).read_text("utf-8")
    text = page_text(page)
    assert "incomplete: 1 of 1 log" in text and f"incomplete: {paths[1].name} has only 5 of 32 trials" in text
    assert (
        "weights model.bin" in text and "numpy 2" in text.split("The logs were written with the following software:")[1]
    )
    assert len(list((out / "thumbnails").iterdir())) == 32
    for file in (*out.glob("*.html"), *(out / "data").iterdir(), *(out / "tables").iterdir()):
        text = file.read_text("utf-8")
        assert "secret-home" not in text and str(tmp_path) not in text, file
        assert sidecar["started"] not in text and sidecar["started"][:10] not in text, file


def test_logs_without_sidecars_are_one_row():
    people = trials("contrast", {"subject-01": "human", "subject-02": "human", "net": "generative"}, ("c50",))
    table = provenance_table(provenance(people))
    assert [[cell.value for cell in row[:5]] for row in table.rows] == [
        ["2 people", "human", "contrast", 2, 48], ["net", "generative", "contrast", 1, 24],
    ]  # fmt: skip
    assert all("without a sidecar" in row[-1].value for row in table.rows)


def test_every_page_shows_the_notes(tmp_path):
    frame = pd.concat([trials("own", {"coin": "simulated", "net": "generative"}, n=4)])
    frame.attrs["notes"] = ["incomplete: x.csv has only 1 of 2 trials", "pilot sessions are excluded: A in own"]
    write_report(frame, tmp_path, intervals=False)
    for page in ("index.html", "trials.html"):
        text = page_text((tmp_path / page).read_text("utf-8"))
        for note in (
            "incomplete: x.csv has only",
            "pilot sessions are excluded: A in own",
            "simulated observers are included (their responses are not measurements): coin",
        ):
            assert note in text, page


def test_simulated_observers_are_noted_once(small, tmp_path):
    """Even if the frame has fewer simulated observers than the logs that it was read from."""
    frame = read_trials([run(small, observer, tmp_path, limit=4) for observer in (Ideal(), Biased(0.5))])
    write_report(frame[frame["observer"] == "ideal"], tmp_path / "report", intervals=False)
    text = page_text((tmp_path / "report" / "index.html").read_text("utf-8"))
    assert text.count("simulated observers are included") == 1
