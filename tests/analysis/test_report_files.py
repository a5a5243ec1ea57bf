"""Small images, answers as letters, provenance: the files of a report besides its figures and tables."""

import json

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from PIL import Image

from analysis.frame import read_trials
from analysis.images import by_image
from analysis.report.provenance import provenance, shown, without_folders
from analysis.report.report import write_report
from analysis.report.scripts import LETTERS, MORE, N_LETTERS, as_json, letter, numbers
from analysis.report.thumbnails import SIDE, copy_thumbnails
from analysis.report.trial_browser import N_IMAGES
from experiments.session import run
from observers.simulated import Biased, Ideal
from stimuli.errors import StimulusError
from stimuli.images import save_image
from stimuli.stimulus import Stimulus, StimulusSet
from tests.analysis.test_report import taken, trials, words


def test_letters_have_no_end_and_need_no_escape():
    found = [letter(n) for n in (*range(200), 60_000)]
    assert len(set(found)) == len(found) and found[:N_LETTERS] == list(LETTERS) and found[N_LETTERS] == chr(MORE)
    assert as_json("".join(found))[1:-1] == "".join(found)
    assert not {" ", "!", '"', "\\", "<"} & set(found)
    assert not 0xD800 <= ord(letter(0xD800 - MORE + N_LETTERS)) < 0xE000


def test_no_text_ends_a_script():
    text = "</script><!--\u2028\u2029\"'&"
    assert json.loads(as_json([text])) == [text]
    assert not {"<", "\u2028", "\u2029"} & set(as_json(text))
    assert numbers([0.12344, 1.0, float("nan"), float("inf"), -0.0]) == [0.1234, 1, None, None, 0]


@pytest.fixture
def pictures(tmp_path):
    """Four files of three images."""
    for i in range(4):
        save_image(np.full((300, 200, 3), 40 * (i % 3), np.uint8), tmp_path / "shown" / f"{i}.png")
    return StimulusSet(
        "own", tuple(Stimulus(f"{i}.png", tmp_path / "shown" / f"{i}.png", "cat") for i in range(4)), "Me"
    )


def test_an_image_is_copied_once_and_only_if_it_was_answered(pictures, tmp_path):
    images = by_image(trials("own", {"net": "generative"}, n=6))
    found = copy_thumbnails(tmp_path, images, [pictures], {})
    assert [key[1] for key in found.names] == [f"{i}.png" for i in range(4)]
    files = list((tmp_path / "thumbnails").iterdir())
    assert len(files) == 3 and {file.stem for file in files} == set(found.names.values())
    with Image.open(files[0]) as image:
        assert max(image.size) == SIDE and image.format == "JPEG"
    assert found.credits == {"own": "Me"} and found.notes == ()
    assert not copy_thumbnails(tmp_path / "b", images[:0], [pictures], {}).names
    assert not (tmp_path / "b").exists()


def test_other_images_than_were_shown_are_not_taken(pictures, tmp_path):
    images = by_image(trials("own", {"net": "generative"}, n=4))
    assert len(copy_thumbnails(tmp_path, images, [pictures], {"own": pictures.digest()}).names) == 4
    found = copy_thumbnails(tmp_path, images, [pictures], {"own": "0" * 64})
    assert not found.names and found.notes[0].startswith("images of own are not shown")
    pictures.stimuli[0].path.write_bytes(b"no image")
    with pytest.raises(StimulusError, match="is not a PNG or JPEG image"):
        copy_thumbnails(tmp_path, images, [pictures], {})


def test_answers_and_evidence_come_back(tmp_path):
    n = N_IMAGES + 5
    frame = trials("own", {"subject-01": "human", "net": "generative", "coin": "simulated"}, n=n, cues=True)
    frame = frame.drop(index=1)  # nobody asked subject-01 for 1.png
    rng, net = np.random.default_rng(0), frame["observer"] == "net"
    for k, choice in enumerate(("cat", "dog", "car")):
        frame[f"evidence_{choice}"] = np.where(net, -5000 - 10 * rng.random(len(frame)) * (k + 1), np.nan)
    frame.loc[frame.index[net][0], "evidence_car"] = np.nan
    frame["rt"] = np.where(frame["kind"] == "human", 0.5126, np.nan)
    write_report(frame, tmp_path, intervals=False)
    data = taken(tmp_path / "data" / "trials_own.js")
    number = {name: place for place, name in enumerate(data["letters"])}
    for row in frame.itertuples():
        o, i = data["names"].index(row.observer), data["stimulus"].index(row.stimulus)
        found = data["answers"][o][i]
        assert (data["words"][number[found]] if found in number else {"!": ""}[found]) == row.response
        assert data["words"][data["categories"][i]] == row.category
        assert data["words"][data["cues"]["texture"][i]] == row.texture
    assert data["answers"][data["names"].index("subject-01")][data["stimulus"].index("1.png")] == " "
    choices, steps = data["more"]["choices"], {name: place for place, name in enumerate(LETTERS)}
    assert choices == ["cat", "dog", "car"] and len(list((tmp_path / "data").glob("details_own_*.js"))) == 2
    for row in frame[net].itertuples():
        i = data["stimulus"].index(row.stimulus)
        part = taken(tmp_path / "data" / f"details_own_{i // N_IMAGES}.js")
        one, at = part["evidence"][str(data["names"].index("net"))], i % N_IMAGES
        low, high = one["low"][at], one["high"][at]
        for k, choice in enumerate(choices):
            mark, value = one["steps"][at * 3 + k], getattr(row, f"evidence_{choice}")
            if np.isnan(value):
                assert mark == " "
            else:
                assert low + (high - low) * steps[mark] / (N_LETTERS - 1) == pytest.approx(
                    value, abs=(high - low) / 170 + 1e-2
                )
        assert part["rt"][str(data["names"].index("subject-01"))][at] in (0.513, None)
        assert set(part["rt"]) == {str(data["names"].index("subject-01"))}


def test_provenance_tells_options_and_versions_but_no_places(small, tmp_path):
    paths = [
        run(small, Ideal(), tmp_path / "secret-home" / "logs"),
        run(small, Biased(seed=3), tmp_path / "logs", limit=5),
    ]
    sidecar = json.loads(paths[0].with_suffix(".json").read_text())
    sidecar["identity"]["observer"]["options"]["weights"] = f"{tmp_path}/secret-home/model.bin"
    paths[0].with_suffix(".json").write_text(json.dumps(sidecar))
    frame = read_trials(paths)
    found = provenance(frame)
    assert found.digests == {"small": small.stimuli.digest()}
    table = found.table.set_index("observer")
    assert list(table["status"]) == ["complete", "5 of 32 trials"]
    assert json.loads(table.loc["ideal", "options"])["weights"] == "model.bin"
    assert "numpy" in table.loc["ideal", "environment"]
    out = tmp_path / "report"
    page = write_report(frame, out, intervals=False, stimuli=[evolve(small.stimuli, name="small")]).read_text("utf-8")
    said = words(page)
    assert "partial: 1 of 1 log" in said and f"partial: {paths[1].name} holds 5 of 32 trials" in said
    assert "weights model.bin" in said and "numpy 2" in said.split("The logs were made with:")[1]
    assert len(list((out / "thumbnails").iterdir())) == 32
    for file in (*out.glob("*.html"), *(out / "data").iterdir(), *(out / "tables").iterdir()):
        said = file.read_text("utf-8")
        assert "secret-home" not in said and str(tmp_path) not in said, file
        assert sidecar["started"] not in said and sidecar["started"][:10] not in said, file


def test_logs_without_sidecars_are_one_row():
    people = trials("contrast", {"subject-01": "human", "subject-02": "human", "net": "generative"}, ("c50",))
    table = shown(provenance(people))
    assert [[cell.value for cell in row[:5]] for row in table.rows] == [
        ["2 people", "human", "contrast", 2, 48], ["net", "generative", "contrast", 1, 24],
    ]  # fmt: skip
    assert all("no sidecar" in row[-1].value for row in table.rows)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/anna/models/a.bin", "a.bin"),
        (r"C:\Users\Anna\a.bin", "a.bin"),
        ("~/x/a.bin", "a.bin"),
        ("google/vit-base", "google/vit-base"),
        ("Linux x86_64", "Linux x86_64"),
        ({"a": ["/x/y"]}, {"a": ["y"]}),
    ],
)
def test_folders_are_cut_off(text, left):
    assert without_folders(text) == left


def test_every_page_says_what_is_simulated_and_partial(tmp_path):
    frame = pd.concat([trials("own", {"coin": "simulated", "net": "generative"}, n=4)])
    frame.attrs["notes"] = ["partial: x.csv holds 1 of 2 trials", "pilot, left out: A in own"]
    write_report(frame, tmp_path, intervals=False)
    for page in ("index.html", "trials.html"):
        said = words((tmp_path / page).read_text("utf-8"))
        for note in ("partial: x.csv holds", "pilot, left out: A in own", "simulated, not measured: coin"):
            assert note in said, page
