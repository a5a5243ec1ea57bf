"""The figures of the paper: what is drawn equals the tables, what cannot be drawn is said, and a folder is never lost."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from analysis.accuracy import PEOPLE, accuracy, people_as_one
from analysis.by_condition import consistency_by_condition
from analysis.consistency import consistency
from analysis.figures import paper, style
from analysis.frame import read_trials
from analysis.paper.figure_inputs import FigureInputs, PaperFigure
from analysis.paper.figures import FIGURES, make
from analysis.paper.folder import SUFFIXES, write_figures
from analysis.ranks import benchmark_intervals
from analysis.shape_bias import shape_bias, spread
from cli import app
from stimuli.errors import LogError, UnknownName
from stimuli.level_scales import is_parametric, published_name
from tests.analysis.frames import answers, right
from tests.conftest import real

WHO = {"subject-01": "human", "subject-02": "human", "gen": "generative", "net": "discriminative", "ideal": "simulated"}
LEVELS = ("c50", "c30", "c10")


def everyone(*, people=True, prefix="", who=WHO, seed=0):
    """A few observers on contrast, cue-conflict, edge; `prefix` makes unpublished datasets of them."""
    rng, parts = np.random.default_rng(seed), []
    shapes, textures = ["cat", "cat", "dog", "dog", "car", "car"] * 4, ["dog", "car", "car", "cat", "cat", "dog"] * 4
    names = [f"{i}.png" for i in range(24)]
    for observer, kind in who.items():
        if kind == "human" and not people:
            continue
        for p, condition in zip((0.9, 0.6, 0.4), LEVELS, strict=True):
            letters = ["1" if hit else "0" for hit in rng.random(24) < p]
            parts.append(right(observer, kind, letters, dataset=f"{prefix}contrast", condition=condition))
        said = [s if rng.random() < 0.7 else t for s, t in zip(shapes, textures, strict=True)]
        cues = answers(observer, kind, said, shapes, dataset=f"{prefix}cue-conflict", images=names)
        parts.append(cues.assign(shape=shapes, texture=textures))
        letters = ["1" if hit else "0" for hit in rng.random(24) < 0.7]
        parts.append(right(observer, kind, letters, dataset=f"{prefix}edge"))
    return pd.concat(parts, ignore_index=True).fillna({"shape": "", "texture": ""})


def material(frame, **options):
    return FigureInputs(frame, **({"n_resamples": 30} | options))


def drawn(made):
    with style.publication():
        figure = made.draw(Figure())
        figure.draw_without_rendering()
    return figure


def figure(number, frame=None, **options):
    """The one figure of that number, and what is said besides."""
    found = make(material(everyone() if frame is None else frame, **options), number)
    (made,) = [one for one in found if isinstance(one, PaperFigure)]
    return made, drawn(made), [one for one in found if isinstance(one, str)]


def names(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_every_figure_is_drawn_from_a_small_frame():
    absent = {14: "sketch", 15: "stylized", 17: "silhouette"}
    for number in FIGURES:
        found = make(material(everyone(), observers=("gen", "net")), number)
        made = [one for one in found if isinstance(one, PaperFigure)]
        assert bool(made) == (number not in absent)
        assert made or found == [f"there are no trials of {absent[number]}: give logs of it"]
        for one in made:
            drawn(one)
            assert "n = " in one.caption and ("95 %" in one.caption or "rror bars" in one.caption)
            assert "ideal" in one.caption if number != 5 else True


def test_bars_are_the_benchmarks_numbers():
    table = benchmark_intervals(everyone(), n_resamples=30)
    for number, measure in ((3, "ood_accuracy"), (4, "error_consistency")):
        made, page, _ = figure(number)
        want = table[table["measure"] == measure].set_index("observer")
        assert made.data["observer"].iloc[0] == "humans" and "humans, all 6 as one" in made.caption
        bars = [bar.get_width() for bar in page.axes[0].patches if bar.get_height() == pytest.approx(0.7)]
        assert bars == made.data["value"].tolist()
        for column in ("value", "low", "high"):
            np.testing.assert_array_equal(
                made.data.set_index("observer")[column], want.loc[made.data["observer"], column]
            )
        assert made.data["value"].iloc[1:].is_monotonic_decreasing
        assert names(page.axes[0])[0] == "humans" and "ideal (simulated)" in names(page.axes[0])
    made, page, said = figure(9)
    assert [ax.get_xlabel() for ax in page.axes] == [paper.bars.LABELS[m] for m in dict.fromkeys(made.data["measure"])]
    assert len(page.axes) == 4 and not said


def test_a_mean_over_fewer_datasets_stands_behind_and_is_said():
    frame = everyone()
    made, page, _ = figure(3, frame[(frame["observer"] != "net") | (frame["dataset"] == "edge")])
    assert names(page.axes[0])[-1] == "net (1 of 3)"
    assert "fewer datasets" in made.caption


def test_without_people_accuracy_is_drawn_and_the_rest_is_said():
    frame = everyone(people=False)
    made, _, _ = figure(3, frame)
    assert "humans" not in set(made.data["observer"]) and "No people." in made.caption
    right_of = frame[frame["observer"] == "gen"].groupby(["dataset", "condition"])["correct"].mean()
    contrast = right_of["contrast"].mean()  # levels of equal size
    want = np.mean([contrast, right_of["cue-conflict", ""], right_of["edge", ""]])
    assert made.data.set_index("observer").loc["gen", "value"] == pytest.approx(want)
    (sentence,) = make(material(frame), 4)
    assert "no person answered these datasets" in sentence and "--stand-in" in sentence
    _, page, (said,) = figure(9, frame)
    assert len(page.axes) == 1 and "observed consistency" in said
    _, page, said = figure(10, frame)
    assert [text.get_text() for text in page.axes[1].texts] == ["no person answered"]
    assert any("no person answered" in sentence for sentence in said)


def test_stand_ins_and_unpublished_datasets():
    frame = everyone(people=False, prefix="microcosm-")
    made, _, _ = figure(4, frame, stand_ins=("ideal",))
    assert set(made.data["observer"]) == {"gen", "net"}  # one stand-in is not consistent with anybody else
    assert "ideal stand in for people" in made.caption
    made, page, said = figure(10, frame, stand_ins=("ideal", "net"))
    assert "simulated people" in set(made.data["observer"]) and not any("no person" in s for s in said)
    assert [ax.get_title() for ax in page.axes] == ["microcosm-contrast"] * 2
    with pytest.raises(UnknownName, match="observer in these logs named 'nobody'"):
        material(frame, stand_ins=("nobody",))
    (averaged,) = make(material(pd.concat([everyone(), frame])), 3)
    left = "none of the published datasets: microcosm-contrast, microcosm-cue-conflict, microcosm-edge."
    assert left in averaged.caption and "3 datasets (contrast, cue-conflict, edge)" in averaged.caption


def test_curves_are_the_tables():
    frame = everyone()
    made, page, said = figure(10)
    left, right_ = page.axes
    table, kappas = people_as_one(accuracy(frame)), consistency_by_condition(frame, n_resamples=30)
    for ax, want, column in ((left, table, "accuracy"), (right_, kappas, "kappa")):
        want = want[want["dataset"] == "contrast"]
        lines = {tuple(line.get_ydata()) for line in ax.lines if line.get_marker() not in ("None", "")}
        assert lines == {tuple(rows[column]) for _, rows in want.groupby("observer")}
        assert [text.get_text() for text in ax.get_xticklabels()] == ["50", "30", "10"]
    assert set(made.data["measure"]) == {"accuracy", "kappa"}
    assert "low-pass" in said[0] and "contrast" not in said[0]
    made, page, _ = figure(5)
    assert set(made.data["observer"]) == {PEOPLE, "gen"} and "generative observers" in made.caption
    assert set(figure(5, observers=("net",))[0].data["observer"]) == {PEOPLE, "net"}
    only = frame[(frame["observer"] != "net") | (frame["dataset"] == "edge")]
    assert "drawn without net: no dataset with levels was answered" in figure(5, only, observers=("net", "gen"))[2]
    people = only[(only["observer"] == "net")]
    assert make(material(people), 5) == make(material(people), 10)
    assert make(material(people), 5)[0].startswith("no dataset here has levels")
    (sentence,) = make(material(only[only["kind"] != "human"], observers=("net",)), 5)
    assert sentence.startswith("none of the chosen observers")


def test_single_conditions():
    made, page, (said,) = figure(11)
    (ax,) = page.axes
    assert ax.get_title() == "edge" and names(ax)[0] == PEOPLE
    assert [bar.get_width() for bar in ax.patches] == made.data["value"].tolist()
    assert said == "drawn without sketch, stylized, silhouette: they are not in these logs"
    frame = everyone()
    (sentence,) = make(material(frame[frame["dataset"] == "contrast"]), 11)
    assert sentence.startswith("no dataset of one condition")


def test_boxes_and_points_and_pairs_before_others():
    frame = everyone()
    made, page, _ = figure(12)
    table = spread(shape_bias(frame)).set_index("observer")
    assert len(names(page.axes[0])) == len(WHO) and names(page.axes[0])[0].startswith("subject")
    medians = [float(line.get_xdata()[0]) for line in page.axes[0].lines if line.get_linewidth() == 1.8]
    assert medians == pytest.approx(list(1 - table.loc[made.data["observer"], "median"]))
    made, page, _ = figure(13, observers=("gen", "net"))
    large = [line for line in page.axes[0].lines if line.get_markersize() == 7.5]
    assert len(large) == 2 and set(made.data.loc[made.data["marked"], "observer"]) == {"gen", "net"}
    assert "Large and dark: gen, net" in made.caption
    (sentence,) = make(material(frame), 13)
    assert "--observer BEFORE --observer AFTER" in sentence
    part = frame[(frame["observer"] != "net") | (frame["dataset"] == "edge")]
    assert make(material(part, observers=("net",)), 13) == [
        "none of net is drawn by itself on cue-conflict: name others"
    ]
    for number in (1, 12, 13):
        (sentence,) = make(material(frame[frame["dataset"] == "edge"]), number)
        assert sentence.startswith("no trial has a shape and a texture that differ")


def test_a_matrix_needs_two():
    frame = everyone()
    made, page, _ = figure(6)
    assert names(page.axes[0]) == [f"{n} (simulated)" if n == "ideal" else n for n in made.data["observer"]]
    assert make(material(frame[frame["observer"] == "net"]), 16) == [
        "net is the only observer of edge: a matrix needs two or more"
    ]


def test_a_large_matrix_marks_what_is_negative():
    from analysis.clustering import cluster

    values = np.full((21, 21), 0.2)
    values[0, 1] = values[1, 0] = -0.3
    values[2, 3] = values[3, 2] = -0.001  # 0 once rounded
    values[4, 5] = values[5, 4] = np.nan
    values[6, 7] = values[7, 6] = -0.9
    np.fill_diagonal(values, 1)
    who = [f"o{i}" for i in range(21)]
    matrix = pd.DataFrame(values, who, who)
    with style.publication():
        page = paper.figure_6(matrix, dict.fromkeys(who, "discriminative"), cluster(matrix), Figure())
    minus = [line for line in page.axes[0].lines if line.get_marker() == "_"]
    assert sorted((line.get_color(), len(line.get_xdata())) for line in minus) == [("black", 2), ("white", 2)]


@pytest.mark.parametrize("number", [3, 10, 12])
def test_sixty_observers_and_one(number):
    many = {f"net-{i}": "discriminative" for i in range(60)}
    _, page, _ = figure(number, everyone(who=many))
    if number in (3, 12):
        page.canvas.draw()
        boxes = [text.get_window_extent() for text in page.axes[0].get_yticklabels()]
        assert not any(one.overlaps(other) for one, other in pairwise(boxes))
    figure(number, everyone(who={"net": "discriminative"}))
    figure(number, everyone(who={"subject-01": "human"}))


def test_people_as_one_and_kappa_by_condition():
    frame = everyone()
    table, one = accuracy(frame), people_as_one(accuracy(frame))
    people = table[(table["kind"] == "human") & (table["dataset"] == "edge")]["accuracy"]
    row = one[(one["observer"] == PEOPLE) & (one["dataset"] == "edge")].iloc[0]
    assert (row["accuracy"], row["low"], row["high"]) == (people.mean(), people.min(), people.max())
    assert row["n_observers"] == 2 and row["n"] == 48
    alone = people_as_one(table[table["observer"] != "subject-02"])
    assert PEOPLE not in set(alone["observer"]) and "subject-01" in set(alone["observer"])
    found = consistency_by_condition(frame, n_resamples=30).set_index(["dataset", "condition", "observer"])
    pairs = consistency(frame, intervals=False).set_index(["dataset", "condition", "observer_1", "observer_2"])["kappa"]
    where = ("contrast", "c10")
    assert found.loc[(*where, PEOPLE), "kappa"] == pytest.approx(pairs[(*where, "subject-01", "subject-02")])
    with_gen = [pairs[(*where, f"subject-0{i}", "gen")] for i in (1, 2)]
    assert found.loc[(*where, "gen"), "kappa"] == pytest.approx(np.mean(with_gen))
    assert (found["low"] <= found["kappa"] + 1e-9).all() and (found["kappa"] <= found["high"] + 1e-9).all()
    none = consistency_by_condition(everyone(people=False))
    assert not len(none) and none.attrs["notes"] == [
        "left out, since no person answered them: contrast, cue-conflict, edge"
    ]
    always = right("subject-01", "human", "1111"), right("net", "discriminative", "1111")
    assert np.isnan(consistency_by_condition(pd.concat(always), n_resamples=5)["kappa"]).all()


def test_spread_is_over_what_is_defined():
    said = ["cat", "dog", "oven", "oven"]  # of dog, neither shape nor texture was ever said
    frame = answers("net", "discriminative", said, ["cat", "cat", "dog", "dog"])
    frame = frame.assign(shape=["cat", "cat", "dog", "dog"], texture=["dog", "dog", "cat", "cat"])
    row = spread(shape_bias(frame)).iloc[0]
    assert row["n_categories"] == 1 and row["lowest"] == row["median"] == row["highest"] == row["shape_bias"] == 0.5
    frame["response"] = "oven"
    assert np.isnan(spread(shape_bias(frame)).iloc[0]["median"])
    drawn(make(material(frame), 12)[0])


def test_what_is_parametric():
    assert is_parametric("microcosm-colour", 1) and is_parametric("mine", 2)
    assert not is_parametric("microcosm-edge", 1) and not is_parametric("mine", 1)
    assert (
        published_name("microcosm-false-colour") == "false-colour" and published_name("false-colour") == "false-colour"
    )


def test_the_folder(tmp_path):
    written = list(write_figures(material(everyone()), tmp_path, [1, 3]))
    assert [one.stem for one in written] == ["figure-01_cue-conflict", "figure-03"]
    files = {f"{one.stem}.{suffix}" for one in written for suffix in SUFFIXES} | {"figures.md", "made.txt"}
    assert {path.name for path in tmp_path.iterdir()} == files
    index = (tmp_path / "figures.md").read_text("utf-8")
    assert all(one.said in index for one in written)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    list(write_figures(material(everyone()), tmp_path, [3]))  # its own are replaced, the others stay
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "figure-11.pdf").write_text("mine")
    with pytest.raises(LogError, match="was not made by this command"):
        list(write_figures(material(everyone()), tmp_path, [11]))
    assert (tmp_path / "figure-11.pdf").read_text() == "mine"
    with pytest.raises(UnknownName, match="figure of the paper that trial logs give named '2'"):
        list(write_figures(material(everyone()), tmp_path, [2]))


def test_the_command(tmp_path):
    from analysis.export import export

    frame = everyone().assign(session=1, rt=0.5, source="made up")
    frame["trial"] = frame.groupby(["dataset", "observer"]).cumcount() + 1
    frame["stimulus"] = frame["condition"] + "-" + frame["stimulus"].str.replace(".png", "-1.png")
    export(frame[frame["dataset"] != "cue-conflict"], tmp_path / "logs")
    command = ["figures", str(tmp_path / "logs"), "--out", str(tmp_path / "out"), "--resamples", "20"]
    done = CliRunner().invoke(app, [*command, "--figure", "5", "--figure", "11", "--figure", "1"])
    assert done.exit_code == 0, done.output
    assert f"figure 5: {tmp_path / 'out' / 'figure-05.pdf'}" in done.stdout
    assert "figure 1: no trial has a shape" in done.stderr
    assert (tmp_path / "out" / "figure-11.csv").is_file()
    done = CliRunner().invoke(app, [*command, "--figure", "1"])
    assert done.exit_code == 1 and "no figure can be drawn" in done.stderr


@pytest.fixture(scope="module")
def recorded():
    return read_trials([real("humans", name) for name in ("cue-conflict", "edge")] + [
        real("networks", name) for name in ("cue-conflict", "edge")
    ])  # fmt: skip


def test_the_recorded_people_and_networks(recorded):
    made, page, _ = figure(1, recorded)
    resnet = made.data[(made.data["observer"] == "resnet50") & (made.data["category"] == "all")]
    assert resnet["shape_bias"].item() == pytest.approx(0.2142, abs=5e-5)
    upright = [line.get_xdata()[0] for line in page.axes[0].lines if list(line.get_ydata()) == [0, 1]]
    assert min(abs(x - (1 - 0.2142)) for x in upright) < 5e-5
    made, _, _ = figure(6, recorded)
    matrix = made.data.set_index("observer")
    people = [name for name in matrix.index if name.startswith("subject")]
    values = matrix.loc[people, people].to_numpy()[np.triu_indices(10, k=1)]
    assert len(people) == 10 and values.mean() == pytest.approx(0.3311, abs=5e-5)
    made, _, _ = figure(4, recorded[recorded["dataset"] == "cue-conflict"])
    drawn_kappa = made.data.set_index("observer")["value"]
    assert drawn_kappa["humans"] == pytest.approx(0.3311, abs=5e-5)
    assert drawn_kappa["resnet50"] == pytest.approx(0.068, abs=5e-4)
