"""Tests of `observers reconstruct`: files, resuming, errors, contact sheets, and the measures of reconstructions."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from attrs import field, frozen
from PIL import Image

from analysis.figures.illusions.sheets import write_sheets
from analysis.illusions.placement import correlation, low_pass, placement, region_overlap
from analysis.illusions.reconstructions import read_image, read_reconstructions
from core.errors import ObserverError, StimulusError
from core.options import added_option
from experiments.reconstruction.reconstruction_run import ReconstructionSettings, find_stimuli, reconstruct
from experiments.reconstruction.reconstruction_table import COLUMNS, read_rows
from observers.protocol import Reconstruction, Restoration
from observers.registry import make_observer
from observers.simulated import Chance
from stimuli.images import save_image
from stimuli.published.attribution import Credit, read_credits, write_credits
from stimuli.stimulus import Stimulus
from tests.commands import observers
from tests.unit.observers.generative import tiny_flow, tiny_latent, tiny_masked, tiny_pixel


def save_images(folder):
    """Save the images duck.png and rock.png, of which the second has a credit, and return the folder."""
    rng = np.random.default_rng(0)
    for name in ("duck.png", "rock.png"):
        save_image(rng.integers(0, 256, (40, 56, 3), np.uint8), folder / name)
    write_credits(folder, {"rock.png": Credit("A. Painter", "CC BY-SA 3.0", "https://example.org/rock")})
    return folder


@pytest.fixture
def image_folder(tmp_path):
    return save_images(tmp_path / "in")


class Copying:
    """An observer that returns the image itself, darker for each further prompt, and counts its calls."""

    name, kind, restores = "copying", "generative", True

    def __init__(self):
        self.n_calls = 0

    def observe(self, trials):
        return iter(())

    def prompts(self, choices):
        return [f"a {choice}" for choice in choices]

    def reconstruct(self, stimulus, prompts, restoration=Restoration()):
        self.n_calls += 1
        image = stimulus.pixels()[:40, :40] / 255
        images = np.stack([image * (1 - 0.1 * k) for k in range(len(prompts))])
        return Reconstruction(image, image, images, np.zeros(len(prompts)), np.full(len(prompts), np.nan))


SAVES = {
    "sd14": (tiny_latent.save, "sd1"), "if-m": (tiny_pixel.save, None), "sd3": (tiny_flow.save, "sd3"),
    "amused-256": (tiny_masked.save, "256"),
}  # fmt: skip


def check_reconstructions(name, image_folder, tmp_path):
    """Check the table, the images and the sheets that `observers reconstruct` writes with a tiny model of a family."""
    save, kind = SAVES[name]
    folder = save(tmp_path / "model", kind) if kind else save(tmp_path / "model")
    out = tmp_path / "out"
    output = observers(
        "reconstruct", image_folder / "duck.png", "-m", name, "-o", f"weights={folder}", "--device", "cpu", "--prompt",
        "an image of a duck", "--prompt", "an image of a rabbit", "--strength", "0.3,0.7", "--seeds", 2, "--steps", 3,
        "--guidance", 2, "--out", out, "--quiet",
    ).stdout  # fmt: skip
    with open(out / "reconstructions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 2 and tuple(rows[0]) == COLUMNS
    assert {(row["strength"], row["seed"], row["steps"], row["guidance"]) for row in rows} == {
        (strength, seed, "3", "2") for strength in ("0.3", "0.7") for seed in "01"
    }
    original = np.asarray(Image.open(image_folder / "duck.png"))[:, 8:48]
    for row in rows:
        image = np.asarray(Image.open(out / row["file"]))
        side = image.shape[0]
        resized = np.asarray(Image.fromarray(original).resize((side, side), Image.Resampling.BICUBIC)) / 255
        distance = np.sqrt(np.mean((image / 255 - resized) ** 2))
        assert float(row["pixel_distance"]) == pytest.approx(distance, abs=0.004)
        assert (row["latent_distance"] == "") == (name in ("if-m", "amused-256"))
    sheets = [line.split(": ")[1] for line in output.splitlines() if line.startswith("sheet")]
    assert [name.rsplit("/", 1)[1] for name in sheets] == [
        f"figure-7_strength-{s}_steps-3_guidance-2.png" for s in (0.3, 0.7)
    ]


@pytest.mark.slow
def test_a_model_restores_images(image_folder, tmp_path):
    check_reconstructions("sd14", image_folder, tmp_path)


def test_finished_reconstructions_are_not_repeated(image_folder, tmp_path):
    stimuli, observer = find_stimuli([str(image_folder)]), Copying()
    assert [s.id for s in stimuli] == ["duck.png", "rock.png"]
    settings, calls = ReconstructionSettings(("x", "y"), (0.5,), 2), []
    path = reconstruct(
        stimuli, [observer], settings, tmp_path / "out", progress=lambda done, total: calls.append((done, total))
    )
    before = path.read_bytes()
    assert (observer.n_calls, calls[-1]) == (4, (4, 4))
    reconstruct(stimuli, [observer], settings, tmp_path / "out")
    assert observer.n_calls == 4 and path.read_bytes() == before
    with path.open("ab") as file:
        file.write(b"duck.png,copying,z")  # an incomplete last row
    (tmp_path / "out" / read_rows(tmp_path / "out")[0]["file"]).unlink()
    reconstruct(stimuli, [observer], ReconstructionSettings(("x", "y", "z"), (0.5,), 2), tmp_path / "out")
    assert observer.n_calls == 8
    rows = read_rows(tmp_path / "out")
    assert len(rows) == 12 and len({tuple(row.values())[:7] for row in rows}) == 12
    assert {row["attribution"] for row in rows if row["image"] == "rock.png"} == {
        "A. Painter, CC BY-SA 3.0, https://example.org/rock"
    }
    assert {row["attribution"] for row in rows if row["image"] == "duck.png"} == {""}


@frozen
class Later(Copying):
    """An observer with an option that earlier versions lacked."""

    rate_per: str = field(default="race", metadata=added_option(lambda observer: "round"))
    n_calls: int = field(default=0, init=False)

    def reconstruct(self, stimulus, prompts, restoration=Restoration()):
        image = stimulus.pixels()[:40, :40] / 255
        return Reconstruction(image, image, np.stack([image] * len(prompts)), np.zeros(1), np.zeros(1))


def test_folders_of_an_earlier_version_without_a_later_option_are_continued(image_folder, tmp_path):
    stimuli, out, settings = find_stimuli([str(image_folder)]), tmp_path / "out", ReconstructionSettings(("x",))
    reconstruct(stimuli[:1], [Later("round")], settings, out)
    sidecar = out / "reconstructions.json"
    facts = json.loads(sidecar.read_text())
    del facts["observers"]["copying"]["rate_per"]
    sidecar.write_text(json.dumps(facts))
    reconstruct(stimuli, [Later("round")], settings, out)
    assert len(read_rows(out)) == 2
    with pytest.raises(ObserverError, match=r"different copying \(rate_per was round, is now race\)"):
        reconstruct(stimuli, [Later()], settings, out)


def test_unsuitable_observers_images_and_folders_are_refused(image_folder, tmp_path):
    stimuli, out = find_stimuli([str(image_folder)]), tmp_path / "out"
    with pytest.raises(ObserverError, match="chance cannot restore images: use a diffusion, flow or masked model"):
        reconstruct(stimuli, [Chance()], ReconstructionSettings(("x",)), out)
    with pytest.raises(
        StimulusError, match=r"duck.png has no percepts among its cues: give one or more prompts with --prompt"
    ):
        reconstruct(stimuli, [Copying()], ReconstructionSettings(), out)
    with pytest.raises(StimulusError, match=r"two images are named duck.png: rename one of them"):
        reconstruct([stimuli[0], stimuli[0]], [Copying()], ReconstructionSettings(("x",)), out)
    with pytest.raises(ObserverError, match="a prompt is given twice"):
        ReconstructionSettings(("x", "x"))
    with pytest.raises(ObserverError, match="give at least one strength and at least one seed"):
        ReconstructionSettings(("x",), (0.5,), 0)
    reconstruct(stimuli, [Copying()], ReconstructionSettings(("x",)), out)
    save_image(np.zeros((40, 40, 3), np.uint8), image_folder / "duck.png")
    with pytest.raises(
        ObserverError,
        match=r"out has reconstructions of a different duck.png \(was .*, is now .*\): use another folder with --out",
    ):
        reconstruct(find_stimuli([str(image_folder)]), [Copying()], ReconstructionSettings(("x",)), out)
    (out / "reconstructions.json").write_text("{}")
    with pytest.raises(StimulusError, match="is damaged or missing: use another folder with --out"):
        reconstruct(find_stimuli([str(image_folder)]), [Copying()], ReconstructionSettings(("x",)), out)
    assert "expected comma-separated numbers, such as 0.3,0.5, got 'a'" in observers(
        "reconstruct", image_folder, "-m", "chance", "--strength", "a", code=2
    ).stderr.replace("\n", " ").replace("│ ", "").replace("  ", " ")
    for name, message in (
        ("nowhere", "no experiment is named 'nowhere'"),
        ("no.png", "the image no.png does not exist"),
    ):
        assert message in observers("reconstruct", name, "-m", "chance", code=1).stderr


@pytest.mark.parametrize("file", ["/etc/passwd.png", "../x.png", "x.txt"])
def test_tables_with_files_elsewhere_are_refused(file, image_folder, tmp_path):
    reconstruct(find_stimuli([str(image_folder)]), [Copying()], ReconstructionSettings(("x",)), tmp_path)
    path = tmp_path / "reconstructions.csv"
    path.write_text(path.read_text().replace("copying/duck.png", file, 1).replace(f"{file}/", f"{file}#"))
    text = path.read_text()
    begin = text.index(file)
    path.write_text(text[:begin] + file + text[text.index(",", begin) :])
    with pytest.raises(StimulusError, match="is not the path of a PNG file in the folder of the table"):
        read_reconstructions(tmp_path)


def test_folders_without_a_valid_table_are_refused(tmp_path):
    with pytest.raises(StimulusError, match=r"there is no .*: give a folder that `observers reconstruct --out` wrote"):
        read_reconstructions(tmp_path)
    (tmp_path / "reconstructions.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StimulusError, match="is not a table of reconstructions: expected the columns image,observer"):
        read_reconstructions(tmp_path)
    (tmp_path / "reconstructions.csv").write_text(",".join(COLUMNS) + "\n")
    with pytest.raises(StimulusError, match="lists no reconstructions"):
        read_reconstructions(tmp_path)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("much,1,1,0,a.png,1,,", "strength is 'much', expected a number"),
        ("nan,1,1,0,a.png,1,,", "strength is 'nan', expected a number"),
        (".5,,1,0,a.png,1,,", "steps is '', expected an integer"),
        (".5,1e400,1,0,a.png,1,,", "steps is '1e400', expected an integer"),
        (".5,1,1,0.5,a.png,1,,", "seed is '0.5', expected an integer"),
        (".5,1,1,0,a.png,far,,", "pixel_distance is 'far', expected a number"),
    ],
)
def test_errors_name_the_line_of_an_invalid_number(cells, message, tmp_path):
    valid = "a,b,c,.5,1,1,0,a.png,nan,,b.png,\n"
    (tmp_path / "reconstructions.csv").write_text(",".join(COLUMNS) + "\n" + valid)
    assert read_reconstructions(tmp_path)["steps"].tolist() == [1]
    with (tmp_path / "reconstructions.csv").open("a") as file:
        file.write(f"a,b,c,{cells}b.png,\n")
    with pytest.raises(StimulusError, match=f"line 3: {message}"):
        read_reconstructions(tmp_path)


@pytest.mark.slow
def test_sheets_show_prompts_observers_and_credits(image_folder, tmp_path):
    reconstruct(find_stimuli([str(image_folder)]), [Copying()], ReconstructionSettings(("x", "y"), (0.5,), 2), tmp_path)
    (sheet,) = write_sheets(tmp_path)
    svg = sheet.with_suffix(".svg").read_text()
    assert "A. Painter, CC BY-SA 3.0" in svg and "copying" in svg and "“x”" in svg
    sixteen_prompts = ReconstructionSettings(tuple(f"text {k}" for k in range(16)))
    reconstruct(find_stimuli([str(image_folder / "rock.png")]), [Copying()], sixteen_prompts, tmp_path / "many")
    (grid,) = write_sheets(tmp_path / "many")
    svg = grid.with_suffix(".svg").read_text()
    assert grid.name.startswith("figure-8_rock.png_copying_") and svg.count("nearest") == 1 and "A. Painter" in svg


@pytest.mark.slow
@pytest.mark.usefixtures("empty_figures")
def test_a_report_begins_with_the_reconstructions(image_folder, tmp_path, drawn):
    reconstruct(
        find_stimuli([str(image_folder)]),
        [Copying()],
        ReconstructionSettings(("x", "y"), (0.5, 0.7)),
        tmp_path / "made",
    )
    observers(
        "run-experiment", "drawn-cue-conflict", "-m", "ideal", "--limit", 5, "--out", tmp_path / "logs", "--quiet"
    )
    observers(
        "report", tmp_path / "logs", "--no-intervals", "--reconstructions", tmp_path / "made", "--out", tmp_path / "out"
    )
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert page.index("Reconstructions") < page.index("dataset-drawn-cue-conflict")
    assert page.count("rock.png: A. Painter, CC BY-SA 3.0, https://example.org/rock.") == 2
    assert len(list((tmp_path / "out" / "figures").glob("reconstructions_*.png"))) == 2
    assert (tmp_path / "out" / "tables" / "reconstructions.csv").is_file()


def test_placement_of_copies_is_that_of_their_own_image(tmp_path):
    """Copies have the layout of their own image and not that of another; they change where the image is bright."""
    y, x = np.mgrid[0:40, 0:40]
    for k, (a, b) in enumerate(((10, 10), (30, 30), (10, 30))):
        image = 40 + 200 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 60)
        save_image(np.repeat(image[..., None], 3, 2).astype(np.uint8), tmp_path / "in" / f"{k}.png")
    reconstruct(
        find_stimuli([str(tmp_path / "in")]), [Copying()], ReconstructionSettings(("x", "y", "z")), tmp_path / "out"
    )
    table = read_reconstructions(tmp_path / "out")
    (row,) = placement(table, n_resamples=200).itertuples()
    assert row.layout == pytest.approx(1, abs=1e-3) and row.of_others < 0.3 and row.kept_low > 0.5
    assert row.overlap == pytest.approx(1, abs=0.1) and row.in_place > 0.3 and row.n_images == 3
    (single,) = placement(table[table["image"] == "0.png"], n_resamples=20).itertuples()
    assert np.isnan([single.of_others, single.kept, single.kept_low]).all() and single.layout == pytest.approx(
        1, abs=1e-3
    )
    constant = np.full((8, 8), 0.5)
    assert np.isnan(correlation(constant, constant)) and np.isnan(region_overlap(constant, constant))
    assert low_pass(read_image(table["file"].iloc[0])).shape == (64, 64)
    assert len(pd.read_csv(tmp_path / "out" / "reconstructions.csv")) == len(table)
    output = observers("analyze", "reconstructions", tmp_path / "out", "--csv", tmp_path / "p.csv").stdout
    assert "in_place" in output and (tmp_path / "p.csv").is_file()


def test_credits_are_written_and_read(tmp_path):
    assert read_credits(tmp_path) == {}
    credits = {"a.png": Credit("Ä, with a comma", "CC0"), "b.png": Credit("B", "MIT", "https://b")}
    write_credits(tmp_path, credits)
    assert read_credits(tmp_path) == credits
    assert credits["a.png"].caption() == "Ä, with a comma, CC0"
    header = "stimulus,attribution,license,link"
    for text, message in (
        ("x,y\n", f"expected the header {header} and 4 cells per row"),
        (f"{header}\na,b\n", f"expected the header {header} and 4 cells per row"),
        (f"{header}\na,b\x07,c,d\n", "contains a line break or another invisible character"),
    ):
        (tmp_path / "attribution.csv").write_text(text)
        with pytest.raises(StimulusError, match=message):
            read_credits(tmp_path)


def test_percepts_are_the_default_prompts(tmp_path):
    save_image(np.zeros((40, 40, 3), np.uint8), tmp_path / "a.png")
    stimulus = Stimulus("a.png", tmp_path / "a.png", "(ambiguous)", "0", {"percept_a": "duck", "percept_b": "rabbit"})
    reconstruct([stimulus], [Copying()], ReconstructionSettings(), tmp_path / "out")
    assert [row["prompt"] for row in read_rows(tmp_path / "out")] == ["a duck", "a rabbit"]
    assert make_observer("microcosm-latent").prompts(["cat"]) == ["A bad photo of a cat"]
