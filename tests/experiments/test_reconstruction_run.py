"""`observers reconstruct`: what is written, resumed, refused, and drawn."""

import csv

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.illusions.placement import correlation, low_passed, overlap_of, placement
from analysis.illusions.reconstructions import read_image, read_reconstructions
from analysis.illusions.sheets import write_sheets
from experiments.reconstruction_run import ReconstructionSettings, find_stimuli, reconstruct
from experiments.reconstruction_table import COLUMNS, read_rows
from observers.protocol import Reconstruction, Restoration
from observers.registry import make_observer
from observers.simulated import Chance
from stimuli.attribution import Credit, read_credits, write_credits
from stimuli.errors import ObserverError, StimulusError
from stimuli.images import save_image
from stimuli.stimulus import Stimulus
from tests.commands import observers
from tests.observers.generative import tiny_flow, tiny_latent, tiny_masked, tiny_pixel


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("duck.png", "rock.png"):
        save_image(rng.integers(0, 256, (40, 56, 3), np.uint8), tmp_path / "in" / name)
    write_credits(tmp_path / "in", {"rock.png": Credit("A. Painter", "CC BY-SA 3.0", "https://example.org/rock")})
    return tmp_path / "in"


class Copying:
    """Restores the image itself, darker by the number of the text; counts what it is asked."""

    name, kind, restores = "copying", "generative", True

    def __init__(self):
        self.asked = 0

    def observe(self, trials):
        return iter(())

    def prompts(self, choices):
        return [f"a {choice}" for choice in choices]

    def reconstruct(self, stimulus, texts, restoration=Restoration()):
        self.asked += 1
        shown = stimulus.pixels()[:40, :40] / 255
        images = np.stack([shown * (1 - 0.1 * k) for k in range(len(texts))])
        return Reconstruction(shown, shown, images, np.zeros(len(texts)), np.full(len(texts), np.nan))


SAVES = {
    "sd14": (tiny_latent.save, "sd1"), "if-m": (tiny_pixel.save, None), "sd3": (tiny_flow.save, "sd3"),
    "amused-256": (tiny_masked.save, "256"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAVES)
def test_every_family_in_its_real_layout(name, pictures, tmp_path):
    save, kind = SAVES[name]
    folder = save(tmp_path / "model", kind) if kind else save(tmp_path / "model")
    out = tmp_path / "out"
    said = observers(
        "reconstruct", pictures / "duck.png", "-m", name, "-o", f"weights={folder}", "--device", "cpu", "--prompt",
        "an image of a duck", "--prompt", "an image of a rabbit", "--strength", "0.3,0.7", "--seeds", 2, "--steps", 3,
        "--guidance", 2, "--out", out, "--quiet",
    ).stdout  # fmt: skip
    with open(out / "reconstructions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 2 and tuple(rows[0]) == COLUMNS
    assert {(row["strength"], row["seed"], row["steps"], row["guidance"]) for row in rows} == {
        (strength, seed, "3", "2") for strength in ("0.3", "0.7") for seed in "01"
    }
    original = np.asarray(Image.open(pictures / "duck.png"))[:, 8:48]
    for row in rows:
        image = np.asarray(Image.open(out / row["file"]))
        side = image.shape[0]
        shown = np.asarray(Image.fromarray(original).resize((side, side), Image.Resampling.BICUBIC)) / 255
        distance = np.sqrt(np.mean((image / 255 - shown) ** 2))
        assert float(row["pixel_distance"]) == pytest.approx(distance, abs=0.004)
        assert (row["latent_distance"] == "") == (name in ("if-m", "amused-256"))
    sheets = [line.split(": ")[1] for line in said.splitlines() if line.startswith("sheet")]
    assert [name.rsplit("/", 1)[1] for name in sheets] == [
        f"figure-7_strength-{s}_steps-3_guidance-2.png" for s in (0.3, 0.7)
    ]


def test_the_same_again_makes_nothing_anew_and_more_goes_on(pictures, tmp_path):
    stimuli, one = find_stimuli([str(pictures)]), Copying()
    assert [s.id for s in stimuli] == ["duck.png", "rock.png"]
    asked, steps = ReconstructionSettings(("x", "y"), (0.5,), 2), []
    path = reconstruct(
        stimuli, [one], asked, tmp_path / "out", progress=lambda done, total: steps.append((done, total))
    )
    before = path.read_bytes()
    assert (one.asked, steps[-1]) == (4, (4, 4))
    reconstruct(stimuli, [one], asked, tmp_path / "out")
    assert one.asked == 4 and path.read_bytes() == before
    with path.open("ab") as file:
        file.write(b"duck.png,copying,z")  # torn
    (tmp_path / "out" / read_rows(tmp_path / "out")[0]["file"]).unlink()
    reconstruct(stimuli, [one], ReconstructionSettings(("x", "y", "z"), (0.5,), 2), tmp_path / "out")
    assert one.asked == 8
    rows = read_rows(tmp_path / "out")
    assert len(rows) == 12 and len({tuple(row.values())[:7] for row in rows}) == 12
    assert {row["attribution"] for row in rows if row["image"] == "rock.png"} == {
        "A. Painter, CC BY-SA 3.0, https://example.org/rock"
    }
    assert {row["attribution"] for row in rows if row["image"] == "duck.png"} == {""}


def test_what_is_refused(pictures, tmp_path):
    stimuli, out = find_stimuli([str(pictures)]), tmp_path / "out"
    with pytest.raises(ObserverError, match="chance restores no images: take a diffusion, flow or masked model"):
        reconstruct(stimuli, [Chance()], ReconstructionSettings(("x",)), out)
    with pytest.raises(StimulusError, match=r"duck.png names no percepts of its own: give one --prompt or more"):
        reconstruct(stimuli, [Copying()], ReconstructionSettings(), out)
    with pytest.raises(StimulusError, match=r"two images are named duck.png: give one of them at a time"):
        reconstruct([stimuli[0], stimuli[0]], [Copying()], ReconstructionSettings(("x",)), out)
    with pytest.raises(ObserverError, match="a prompt is given twice"):
        ReconstructionSettings(("x", "x"))
    with pytest.raises(ObserverError, match="one strength and one seed at least"):
        ReconstructionSettings(("x",), (0.5,), 0)
    reconstruct(stimuli, [Copying()], ReconstructionSettings(("x",)), out)
    save_image(np.zeros((40, 40, 3), np.uint8), pictures / "duck.png")
    with pytest.raises(
        ObserverError, match=r"out holds reconstructions of another duck.png \(was .*, is now .*\): take another"
    ):
        reconstruct(find_stimuli([str(pictures)]), [Copying()], ReconstructionSettings(("x",)), out)
    (out / "reconstructions.json").write_text("{}")
    with pytest.raises(StimulusError, match="is damaged or missing: take another --out"):
        reconstruct(find_stimuli([str(pictures)]), [Copying()], ReconstructionSettings(("x",)), out)
    assert "expected comma-separated numbers, such as 0.3,0.5, got 'a'" in observers(
        "reconstruct", pictures, "-m", "chance", "--strength", "a", code=2
    ).stderr.replace("\n", " ").replace("│ ", "").replace("  ", " ")
    for name, said in ("nowhere", "there is no experiment named 'nowhere'"), ("no.png", "there is no image no.png"):
        assert said in observers("reconstruct", name, "-m", "chance", code=1).stderr


@pytest.mark.parametrize("file", ["/etc/passwd.png", "../x.png", "x.txt"])
def test_a_table_from_anyone(file, pictures, tmp_path):
    reconstruct(find_stimuli([str(pictures)]), [Copying()], ReconstructionSettings(("x",)), tmp_path)
    path = tmp_path / "reconstructions.csv"
    path.write_text(path.read_text().replace("copying/duck.png", file, 1).replace(f"{file}/", f"{file}#"))
    text = path.read_text()
    begin = text.index(file)
    path.write_text(text[:begin] + file + text[text.index(",", begin) :])
    with pytest.raises(StimulusError, match="is no image in its folder"):
        read_reconstructions(tmp_path)


def test_tables_that_are_none(tmp_path):
    with pytest.raises(StimulusError, match=r"there is no .*: name the --out of observers reconstruct"):
        read_reconstructions(tmp_path)
    (tmp_path / "reconstructions.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StimulusError, match="is no table of reconstructions: expected the columns image,observer"):
        read_reconstructions(tmp_path)
    (tmp_path / "reconstructions.csv").write_text(",".join(COLUMNS) + "\n")
    with pytest.raises(StimulusError, match="lists no reconstruction"):
        read_reconstructions(tmp_path)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("much,1,1,0,a.png,1,,", "strength is 'much', expected a number"),
        ("nan,1,1,0,a.png,1,,", "strength is 'nan', expected a number"),
        (".5,,1,0,a.png,1,,", "steps is '', expected a whole number"),
        (".5,1e400,1,0,a.png,1,,", "steps is '1e400', expected a whole number"),
        (".5,1,1,0.5,a.png,1,,", "seed is '0.5', expected a whole number"),
        (".5,1,1,0,a.png,far,,", "pixel_distance is 'far', expected a number"),
    ],
)
def test_what_is_no_number_is_said_with_its_line(cells, said, tmp_path):
    good = "a,b,c,.5,1,1,0,a.png,nan,,b.png,\n"
    (tmp_path / "reconstructions.csv").write_text(",".join(COLUMNS) + "\n" + good)
    assert read_reconstructions(tmp_path)["steps"].tolist() == [1]
    with (tmp_path / "reconstructions.csv").open("a") as file:
        file.write(f"a,b,c,{cells}b.png,\n")
    with pytest.raises(StimulusError, match=f"line 3: {said}"):
        read_reconstructions(tmp_path)


def test_sheets_show_who_is_to_be_named(pictures, tmp_path):
    reconstruct(find_stimuli([str(pictures)]), [Copying()], ReconstructionSettings(("x", "y"), (0.5,), 2), tmp_path)
    (sheet,) = write_sheets(tmp_path)
    words = sheet.with_suffix(".svg").read_text()
    assert "A. Painter, CC BY-SA 3.0" in words and "copying" in words and "“x”" in words
    many = ReconstructionSettings(tuple(f"text {k}" for k in range(16)))
    reconstruct(find_stimuli([str(pictures / "rock.png")]), [Copying()], many, tmp_path / "many")
    (eight,) = write_sheets(tmp_path / "many")
    words = eight.with_suffix(".svg").read_text()
    assert eight.name.startswith("figure-8_rock.png_copying_") and words.count("nearest") == 1 and "A. Painter" in words


def test_a_report_begins_with_them(pictures, tmp_path, drawn):
    reconstruct(
        find_stimuli([str(pictures)]), [Copying()], ReconstructionSettings(("x", "y"), (0.5, 0.7)), tmp_path / "made"
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


def test_placement(tmp_path):
    """Who copies keeps the layout of the image, and not that of another; what changes lies where it is bright."""
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
    (alone,) = placement(table[table["image"] == "0.png"], n_resamples=20).itertuples()
    assert np.isnan([alone.of_others, alone.kept, alone.kept_low]).all() and alone.layout == pytest.approx(1, abs=1e-3)
    flat = np.full((8, 8), 0.5)
    assert np.isnan(correlation(flat, flat)) and np.isnan(overlap_of(flat, flat))
    assert low_passed(read_image(table["file"].iloc[0])).shape == (64, 64)
    assert len(pd.read_csv(tmp_path / "out" / "reconstructions.csv")) == len(table)
    said = observers("analyze", "reconstructions", tmp_path / "out", "--csv", tmp_path / "p.csv").stdout
    assert "in_place" in said and (tmp_path / "p.csv").is_file()


def test_credits(tmp_path):
    assert read_credits(tmp_path) == {}
    given = {"a.png": Credit("Ä, with a comma", "CC0"), "b.png": Credit("B", "MIT", "https://b")}
    write_credits(tmp_path, given)
    assert read_credits(tmp_path) == given
    assert given["a.png"].said() == "Ä, with a comma, CC0"
    for text, said in (("x,y\n", "expected the header stimulus,attribution,license,link and rows"), ("stimulus,attribution,license,link\na,b\n", "expected the header stimulus,attribution,license,link and rows"),
                       ("stimulus,attribution,license,link\na,b\x07,c,d\n", "invisible character")):  # fmt: skip
        (tmp_path / "attribution.csv").write_text(text)
        with pytest.raises(StimulusError, match=said):
            read_credits(tmp_path)


def test_percepts_are_the_prompts_where_none_is_given(tmp_path):
    save_image(np.zeros((40, 40, 3), np.uint8), tmp_path / "a.png")
    stimulus = Stimulus("a.png", tmp_path / "a.png", "(ambiguous)", "0", {"percept_a": "duck", "percept_b": "rabbit"})
    reconstruct([stimulus], [Copying()], ReconstructionSettings(), tmp_path / "out")
    assert [row["prompt"] for row in read_rows(tmp_path / "out")] == ["a duck", "a rabbit"]
    assert make_observer("microcosm-latent").prompts(["cat"]) == ["A bad photo of a cat"]
