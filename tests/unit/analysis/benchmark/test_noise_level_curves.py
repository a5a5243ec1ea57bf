"""Curves over noise levels: known curves are recovered from logs, whose sidecars say which model had which levels."""

import json
from pathlib import Path

import pandas as pd
import pytest
from attrs import evolve, frozen

from analysis import error_consistency, noise_level_curves, noise_level_figure, read_trials
from analysis.measures.accuracy import wilson_interval
from analysis.noise_levels import levels_in_sidecar
from core.errors import LogError
from experiments import run
from observers.protocol import Response
from tests.commands import observers

N_CONFLICT, N_CONSISTENT = 240, 16  # images of the drawn experiment with and without a cue conflict
# Part of the schedule -> shape responses per ten images with a cue conflict, correct responses per four images without one.
CURVE = {"0.6:0.8": (7, 4), "0:0.2": (1, 2), "0.2:0.6": (4, 3), "0:1": (3, 4)}


@frozen
class Source:
    model: str = "some/denoiser"


@frozen
class Objective:
    levels: str = "0:1"
    seed: int = 0


@frozen
class Denoiser:
    """The options in the sidecar of a denoiser from which its noise levels are read."""

    objective: Objective = Objective()
    source: Source = Source()


@frozen
class Scripted:
    """Of each ten images with a cue conflict, it follows the shape in the number of `CURVE`, and the texture up to 8."""

    name: str
    likelihood: Denoiser = Denoiser()
    shift: int = 0
    kind: str = "generative"

    def observe(self, trials):
        n_shape, n_correct = CURVE[self.likelihood.objective.levels]
        for trial in trials:
            s = trial.stimulus
            shape, texture = s.cues["shape"], s.cues["texture"]
            number = (trial.choices.index(shape) * 3 + trial.choices.index(texture) + self.shift) % 10
            other = next(choice for choice in trial.choices if choice not in (shape, texture))
            if shape == texture:
                yield Response(shape if trial.choices.index(shape) % 4 < n_correct else other)
            else:
                yield Response(shape if number < n_shape else texture if number < 8 else other)


def denoiser(levels, model="some/denoiser", seed=0):
    return Denoiser(Objective(levels, seed), Source(model))


@pytest.fixture(scope="module")
def folder(drawn, tmp_path_factory) -> Path:
    """Logs of one model with three parts of the schedule and the whole, and of two other observers."""
    folder = tmp_path_factory.mktemp("logs")
    for i, levels in enumerate(CURVE):
        run(drawn, Scripted(f"run-{i}", denoiser(levels)), folder)
    for i in (1, 2):
        run(drawn, Scripted(f"other-{i}", denoiser("0:1", f"other-{i}"), shift=i), folder)
    return folder


@pytest.fixture
def frame(folder):
    return read_trials(folder)


@pytest.mark.slow
def test_a_known_curve_is_recovered(frame):
    table = noise_level_curves(frame)
    assert list(table["levels"]) == ["0:0.2", "0.2:0.6", "0.6:0.8", "0:1"]  # from low to high, then the whole
    assert set(table["model"]) == {"some/denoiser"} and set(table["dataset"]) == {"drawn-cue-conflict"}
    assert table[["t_low", "t_high"]].to_numpy().tolist() == [[0, 0.2], [0.2, 0.6], [0.6, 0.8], [0, 1]]
    trials = frame[frame["info_model"] == "some/denoiser"]
    for row in table.itertuples():
        n_shape, n_correct = CURVE[row.levels]
        assert row.n_conflict == N_CONFLICT and row.n_shape + row.n_texture == pytest.approx(0.8 * N_CONFLICT, abs=4)
        assert row.shape_bias == pytest.approx(n_shape / 8, abs=0.02) == row.n_shape / (row.n_shape + row.n_texture)
        assert (row.n, row.n_correct, row.accuracy) == (N_CONSISTENT, 4 * n_correct, n_correct / 4)
        of_row = trials[trials["info_levels"] == row.levels]
        decisions = of_row[of_row["shape"] != of_row["texture"]]
        assert row.n_shape == (decisions["response"] == decisions["shape"]).sum()
        low, high = wilson_interval([row.n_shape], [row.n_shape + row.n_texture])
        assert (row.shape_bias_low, row.shape_bias_high) == pytest.approx((low[0], high[0]))
        low, high = wilson_interval([row.n_correct], [row.n])
        assert (row.accuracy_low, row.accuracy_high) == pytest.approx((low[0], high[0]))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "compared"), [("human", "people"), ("discriminative", "other observers")])
def test_kappa_is_the_mean_with_people_or_with_the_others(frame, kind, compared):
    is_other = frame["observer"].astype("str").str.startswith("other")
    kinds = frame["kind"].astype("str").mask(is_other, kind)
    names = frame["observer"].astype("str")
    extra = frame[names == "other-1"].assign(
        observer="third", kind="discriminative" if kind == "human" else "simulated"
    )
    frame = pd.concat([frame.assign(kind=kinds, observer=names), extra], ignore_index=True)
    frame = frame.astype({"info_model": "str"})
    frame.loc[frame["observer"] == "third", "info_model"] = ""
    table = noise_level_curves(frame).set_index("levels")
    assert set(table["compared_with"]) == {compared} and set(table["n_compared"]) == {2}
    pairs = error_consistency(frame)
    name_of = dict(zip(frame["info_levels"], frame["observer"], strict=True))
    for levels in table.index[:-1]:
        own = frame.loc[(frame["info_levels"] == levels) & (frame["info_model"] == "some/denoiser"), "observer"].iloc[0]
        assert name_of and own.startswith("run")
        columns = pairs[["observer_1", "observer_2"]]
        mean = pairs[(columns == own).any(axis=1) & columns.isin(["other-1", "other-2"]).any(axis=1)]["kappa"]
        row = table.loc[levels]
        assert len(mean) == 2 and row["kappa"] == pytest.approx(mean.mean())
        assert row["kappa_low"] < row["kappa"] < row["kappa_high"]


def test_the_levels_come_from_the_sidecar_and_earlier_logs_have_the_whole_schedule(folder, drawn, tmp_path):
    for path in folder.rglob("*run-3*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    log = run(drawn, Scripted("band", denoiser("0:0.2")), tmp_path)
    (sidecar,) = tmp_path.glob("*run-3*.json")
    content = json.loads(sidecar.read_text("utf-8"))
    assert content["identity"]["observer"]["options"]["likelihood"]["objective"].pop("levels") == "0:1"
    sidecar.write_text(json.dumps(content), "utf-8")
    frame = read_trials(tmp_path)
    levels = frame.astype({"observer": "str"}).groupby("observer")["info_levels"].unique()
    assert {name: list(values) for name, values in levels.items()} == {"band": ["0:0.2"], "run-3": ["0:1"]}
    assert set(frame["info_model"]) == {"some/denoiser"}
    log.unlink()
    assert "info_levels" not in read_trials(tmp_path)  # ordinary frames do not have the columns


@pytest.mark.slow
def test_observers_that_differ_in_other_options_have_lines_of_their_own(folder, drawn, tmp_path):
    for i, levels in enumerate(["0:0.2", "0.6:0.8"]):
        run(drawn, Scripted(f"seed-{i}", denoiser(levels, seed=1)), tmp_path, limit=40)
    table = noise_level_curves(read_trials(folder, tmp_path))
    names = list(dict.fromkeys(table["model"]))
    assert len(names) == 2 and all(name.startswith("some/denoiser (") for name in names)
    assert table.groupby("model")["levels"].agg(list).map(len).tolist() in ([2, 4], [4, 2])
    assert set(table["n_compared"]) == {2}  # the same model with other options is not another observer
    run(drawn, Scripted("seed-2", denoiser("0:1", seed=2)), tmp_path, limit=40)
    assert set(noise_level_curves(read_trials(folder, tmp_path))["n_compared"]) == {2}
    figure = noise_level_figure(read_trials(folder, tmp_path))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*names, "whole schedule"]


def test_a_single_part_is_omitted_with_a_note(folder, drawn, tmp_path):
    run(drawn, Scripted("lonely", denoiser("0:0.2", "lonely")), tmp_path, limit=20)
    table = noise_level_curves(read_trials(folder, tmp_path))
    assert "lonely" not in set(table["model"])
    assert (
        "drawn-cue-conflict: lonely was run with a single part of the noise schedule and is omitted"
        in (table.attrs["notes"])
    )
    with pytest.raises(
        LogError, match=r"no model in these logs was run with several parts .*: run an observer at least"
    ):
        noise_level_curves(read_trials(tmp_path))


def test_parts_with_different_images_are_noted_and_equal_parts_are_refused(frame, drawn, tmp_path):
    assert not [note for note in noise_level_curves(frame).attrs["notes"] if "same images" in note]
    for name, levels, limit in (("low", "0:0.2", 10), ("high", "0.6:0.8", 40)):
        run(drawn, Scripted(name, denoiser(levels)), tmp_path, limit=limit)
    assert (
        "drawn-cue-conflict: the runs of some/denoiser with different levels are not about the same images (10 to "
        "40 images, of which 10 are in all runs), so differences between them may be differences between images"
    ) in noise_level_curves(read_trials(tmp_path)).attrs["notes"]
    run(drawn, Scripted("again", denoiser("0:0.2")), tmp_path, limit=10)
    with pytest.raises(LogError, match=r"again and low are the same model \(some/denoiser\) .* levels 0:0.2: omit all"):
        noise_level_curves(read_trials(tmp_path))


def test_a_figure_without_a_defined_measure_is_refused(frame):
    own = frame[(frame["info_model"] == "some/denoiser") & (frame["shape"].astype(str) != frame["texture"].astype(str))]
    undecided = own.assign(response="", correct=False)
    assert noise_level_curves(undecided)[["shape_bias", "accuracy", "kappa"]].isna().all(axis=None)
    with pytest.raises(LogError, match="undefined at all noise levels, so the figure would be empty: add trials"):
        noise_level_figure(undecided)


def test_logs_without_parts_are_refused(drawn, tmp_path):
    log = run(drawn, Scripted("whole"), tmp_path, limit=5)
    with pytest.raises(
        LogError, match=r"none of these logs was made with a part of the noise schedule: run .*-o levels"
    ):
        noise_level_curves(read_trials(log))


def test_without_cues_accuracy_is_over_all_trials_and_without_others_kappa_is_undefined(frame):
    own = frame[frame["info_model"] == "some/denoiser"]
    table = noise_level_curves(own.drop(columns=["shape", "texture"]))
    assert set(table["n"]) == {N_CONFLICT + N_CONSISTENT} and not table["n_conflict"].any()
    assert table["shape_bias"].isna().all() and table["kappa"].isna().all() and table["accuracy"].notna().all()
    assert table.attrs["notes"] == [
        "drawn-cue-conflict: κ is not computed, because there are no logs of people or of other observers"
    ]
    figure = noise_level_figure(own.drop(columns=["shape", "texture"]))
    assert [ax.get_ylabel() for ax in figure.axes] == ["Accuracy"]


def test_conditions_that_do_not_count_in_the_benchmark_have_no_kappa(frame):
    uncounted = frame.assign(dataset="contrast", condition="c100")
    table = noise_level_curves(uncounted)
    assert table["kappa"].isna().all() and table["accuracy"].notna().all()
    note = "contrast: κ is not computed, because the benchmark uses none of the conditions with other observers"
    assert note in table.attrs["notes"]


def test_the_figure_shows_the_table(frame):
    table, figure = noise_level_curves(frame), noise_level_figure(frame)
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "Shape bias", "Accuracy without cue conflict", "κ with other observers",
    ]  # fmt: skip
    parts = table[table["levels"] != "0:1"]
    for ax, measure in zip(figure.axes, ("shape_bias", "accuracy", "kappa"), strict=True):
        (line,) = ax.containers
        assert line[0].get_xdata().tolist() == pytest.approx([0.1, 0.4, 0.7])
        assert line[0].get_ydata().tolist() == pytest.approx(parts[measure].tolist())
        ends = [segment[:, 1].tolist() for segment in line[2][0].get_segments()]
        assert ends == [pytest.approx(list(pair)) for pair in parts[[f"{measure}_low", f"{measure}_high"]].to_numpy()]
        dashed = [each for each in ax.lines if each.get_linestyle() == "--"]
        assert [each.get_ydata()[0] for each in dashed] == pytest.approx([table[measure].iloc[-1]])


def test_sidecars_of_several_observers_and_damaged_options():
    entries = {}
    for name, levels in (("a", "0:0.2"), ("b", "0.2:1"), ("c", "high"), ("d", None)):
        options = {"name": name, "likelihood": {"source": {"model": "m"}, "objective": {"levels": levels}}}
        entries[name] = {"identity": {"name": name, "class": "C", "options": options}}
    entries["e"] = {"identity": {"name": "e", "options": {"likelihood": "none"}}}
    levels = levels_in_sidecar({"identity": {}, "observers": entries})
    assert {name: each.levels for name, each in levels.items()} == {"a": "0:0.2", "b": "0.2:1"}
    assert levels["a"].options == levels["b"].options and levels["a"].model == "m"
    assert levels_in_sidecar({"identity": {"observer": None}}) == levels_in_sidecar({"identity": {}}) == {}


@pytest.mark.slow
def test_the_command_prints_the_table_and_writes_the_figure(folder, tmp_path):
    words = ["analyze", "levels", folder]
    rows = json.loads(observers(*words, "--json").stdout)
    assert [row["levels"] for row in rows] == ["0:0.2", "0.2:0.6", "0.6:0.8", "0:1"]
    shown = observers(*words, "--figure", tmp_path / "levels.png")
    assert shown.stdout.splitlines()[-1] == "kappa: mean with other observers (n = 2)"
    assert "the figure is in" in shown.stderr and (tmp_path / "levels.png").read_bytes().startswith(b"\x89PNG")
    assert "| shape bias [95 % CI] |" in observers(*words, "--format", "markdown").stdout
    wrong = observers(*words, "--figure", tmp_path / "levels.csv", code=2)
    assert "expected a file whose name ends in .pdf, .svg or .png" in " ".join(wrong.stderr.replace("│", "").split())


@pytest.mark.slow
def test_a_figure_of_several_datasets_is_refused(folder, drawn, tmp_path):
    other = evolve(drawn, name="other")
    for i, levels in enumerate(["0:0.2", "0.6:0.8"]):
        run(other, Scripted(f"run-{i}", denoiser(levels)), tmp_path, limit=20)
    both = ["analyze", "levels", folder, tmp_path]
    done = observers(*both, "--figure", tmp_path / "levels.svg", code=1)
    assert (
        "a figure shows one dataset, but the table contains drawn-cue-conflict, other: choose one with --dataset"
        in done.stderr
    )
    lines = observers(*both).stdout.splitlines()
    assert lines[0].split()[0] == "dataset" and lines[-1].startswith("kappa in")


@pytest.mark.parametrize("name", [["a", "list"], {"a": 1}, None, 3])
def test_a_sidecar_with_an_odd_name_of_the_observer_has_no_noise_levels(name):
    observer = {"name": name, "class": "Biased", "options": {"name": name}}
    assert levels_in_sidecar({"identity": {"observer": observer}}) == {}
    assert levels_in_sidecar({"observers": {"x": {"identity": observer}}}) == {}
