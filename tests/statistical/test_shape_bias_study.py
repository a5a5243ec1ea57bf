"""The intervals of the study of shape bias contain the true values about as often as they should."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.shape_bias_study import (
    FAMILIES,
    contrast_table,
    correlation_table,
    decisions,
    family_kappas,
    fit_cells,
    kappa_table,
    model_table,
    read_study,
    show,
    trial_notes,
)
from core.errors import LogError
from experiments import make_experiment, run
from observers import make_observer
from stimuli.categories import CATEGORIES

AGREEMENTS = (1.0, 0.75, 0.5)
RUN_SD, ICON_SD, TEXTURE_SD = 0.3, 0.5, 0.4
N_RUNS = 60


def simulate(rng: np.random.Generator) -> pd.DataFrame:
    """Return the decisions of two runs in each of twelve cells on 480 images, whose icons and textures have own effects."""
    image = np.arange(480)
    icon, texture = image // 30 * 4 + image % 4, image % 16
    icon_effect, texture_effect = rng.normal(0, ICON_SD, 68), rng.normal(0, TEXTURE_SD, 16)
    rows = []
    for number, (agreement, family) in enumerate((a, f) for a in AGREEMENTS for f in FAMILIES):
        for seed in (1, 2):
            logit = true_log_odds(number) + rng.normal(0, RUN_SD) + icon_effect[icon] + texture_effect[texture]
            is_shape = rng.random(480) < 1 / (1 + np.exp(-logit))
            rows.append(pd.DataFrame({
                "cell": f"{family} {agreement:.0%}", "family": family, "agreement": agreement, "icon": icon,
                "observer": f"study-{family}-{agreement:g}-{seed}", "texture": texture, "is_shape": is_shape.astype(float),
            }))  # fmt: skip
    return pd.concat(rows)[rng.random(480 * 24) < 0.75]


def true_log_odds(cell: int) -> float:
    return -1 + 0.2 * cell


def test_intervals_of_differences_between_cells_cover_the_true_difference():
    """The effects of images are the same in all cells, so they almost cancel in differences, which have known values."""
    rng, covered, widths = np.random.default_rng(5), [], []
    for _ in range(N_RUNS):
        model = fit_cells(simulate(rng))
        for family in FAMILIES:
            number = FAMILIES.index(family)
            value, low, high = model.contrast({f"{family} 50%": 1.0, f"{family} 100%": -1.0})
            # averaging over images with different log odds makes differences of log odds smaller
            shrinkage = 1 / np.sqrt(1 + 0.346 * (ICON_SD**2 + TEXTURE_SD**2))
            truth = shrinkage * (true_log_odds(number + 8) - true_log_odds(number))
            covered.append(low < truth < high)
            widths.append(high - low)
            assert low < value < high
    # the standard error of the coverage with 240 correlated intervals is about 2 %
    assert 0.92 <= np.mean(covered) <= 1.0
    assert np.mean(widths) < 2.0


def test_runs_that_differ_more_give_wider_intervals():
    rng = np.random.default_rng(1)
    chosen = simulate(rng)
    same = fit_cells(chosen.assign(observer=chosen["cell"]))  # as if each cell had one run
    assert same.run_df == 0 and np.isnan(same.run_variance)
    model = fit_cells(chosen)
    assert model.run_df == 12 and 0.3 * RUN_SD**2 < model.run_variance < 4 * RUN_SD**2
    (_, low, high), (_, low_1, high_1) = (m.contrast({"ar 50%": 1.0, "ar 100%": -1.0}) for m in (model, same))
    assert high - low > high_1 - low_1


def simulate_trials() -> pd.DataFrame:
    """Return trials of two runs of every family. Each family has its own errors, which its two runs share."""
    rng, rows = np.random.default_rng(2), []
    for family in FAMILIES:
        own = rng.random(256) < 0.5
        for seed in (1, 2):
            is_correct = np.where(rng.random(256) < 0.1, ~own, own)
            for i, correct in enumerate(is_correct):
                shape, texture = CATEGORIES[i % 16], CATEGORIES[(i + 1 + i // 16) % 16]
                if shape == texture:
                    continue
                rows.append({
                    "dataset": "microcosm-cue-conflict", "experiment": "microcosm-cue-conflict", "condition": "",
                    "observer": f"study-{family}-1-{seed}", "kind": "generative", "family": family, "agreement": 1.0,
                    "run": str(seed), "cell": f"{family} 100%",
                    "session": 1, "trial": i, "stimulus": f"{shape}{1 + i // 16}-{texture}1.png",
                    "shape": shape, "texture": texture, "category": shape, "correct": bool(correct),
                    "response": shape if correct else texture,
                })  # fmt: skip
    return pd.DataFrame(rows)


def test_two_seeds_that_make_the_same_errors_are_more_consistent_than_families():
    frame = simulate_trials()
    table = kappa_table(frame).set_index("pairs")
    assert (
        table.loc["two seeds of one family", "mean_kappa"] > 0.5 > table.loc["different families", "mean_kappa"] + 0.3
    )
    by_family = family_kappas(frame).set_index("families")["kappa at 100%"]
    assert len(by_family) == 10 and by_family["network, network"] > 0.5 > by_family["network, noise"] + 0.3
    assert table.loc["difference", "low"] > 0.3 and table.loc["two seeds of one family", "n_pairs"] == 4
    chosen = decisions(frame)
    assert len(chosen) == len(frame) and chosen["is_shape"].mean() == frame["correct"].mean()


def test_a_cell_with_decisions_of_one_kind_is_omitted_instead_of_given_a_finite_interval():
    chosen = simulate(np.random.default_rng(3))
    one_sided = chosen.assign(is_shape=chosen["is_shape"].where(chosen["cell"] != "latent 100%", 0.0))
    model = fit_cells(one_sided)
    assert len(model.cells) == 11 and "latent 100%" not in model.cells
    table = contrast_table(model)
    assert not table["contrast"].str.contains("latent: |mean of|latent.*agreement 100%").any()
    with pytest.raises(LogError, match="intervals need a cell with shape and texture decisions on at least two icons"):
        fit_cells(one_sided[one_sided["cell"] == "latent 100%"])


def test_the_variance_of_every_contrast_is_positive():
    """The difference of covariance matrices of these decisions has negative eigenvalues before they are set to 0."""
    model = fit_cells(simulate(np.random.default_rng(0)))
    values, vectors = np.linalg.eigh(model.image_covariance)
    assert values.min() > -1e-12
    value, low, high = model.contrast(dict(zip(model.cells, vectors[:, 0], strict=True)))
    assert low < value < high


def test_the_table_has_the_difference_between_every_two_families():
    labels = set(contrast_table(fit_cells(simulate(np.random.default_rng(4))))["contrast"])
    assert {
        "noise − network at agreement 100%",
        "ar − latent at agreement 75%",
        "ar − noise at agreement 50%",
    } <= labels
    assert len(labels) == 4 + 3 * 6 + 1 + 3


def test_models_with_other_trials_are_noted():
    rows = [
        {"dataset": "microcosm-cue-conflict", "observer": name, "stimulus": f"cat{i}-clock1.png", "condition": ""}
        for name, n in (("study-ar-1-1", 10), ("study-ar-1-2", 4)) for i in range(n)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    (note,) = trial_notes(frame)
    assert "2 of 2 models answered 4 to 10 trials, and 4 images were answered by all models" in note
    assert trial_notes(frame[frame["observer"] == "study-ar-1-1"]) == []


def test_a_correlation_is_over_the_models_that_have_both_values():
    models = pd.DataFrame({
        "agreement": 1.0, "blurred": [np.nan, 0.1, 0.2, 0.3, 0.5], "shape_bias": [0.9, 0.1, 0.25, 0.3, 0.4],
    })  # fmt: skip
    assert correlation_table(models)["n_models"].tolist() == [4, 4]
    assert correlation_table(models.assign(blurred=0.1)).empty


def test_the_script_says_what_the_logs_lack(capsys, tmp_path):
    """One run of one agreement; one model without decisions, one without consistent images, one that is often wrong."""
    conflict = simulate_trials()
    conflict = conflict[conflict["run"] == "1"]
    conflict = conflict.assign(response=conflict["response"].mask(conflict["family"] == "ar", ""))
    consistent = conflict.assign(dataset="microcosm", texture="", shape="")
    consistent["correct"] = (consistent["family"] != "noise") & (consistent["trial"] % 2 == 0)
    show(pd.concat([conflict, consistent[consistent["family"] != "latent"]], ignore_index=True), tmp_path / "figures")
    shown = capsys.readouterr().out
    assert "note: microcosm: 3 of 4 models answered" in shown
    assert "without a shape or texture decision, and therefore omitted: study-ar-1-1\n" in shown
    assert "not 25 % or more: study-noise-1-1, study-latent-1-1\n" in shown
    assert "every cell has one training run, so the intervals do not contain the variation between runs" in shown
    assert "| network 100% |" in shown and "| latent 100% |" not in shown and "nan" not in shown.split("note: every")[1]
    assert (tmp_path / "figures" / "shape-bias.png").read_bytes().startswith(b"\x89PNG")


def test_other_observers_are_refused():
    with pytest.raises(LogError, match=r"not models of the study: .*microcosm-ar.*; give the folder study/logs"):
        read_study(["microcosm/microcosm-cue-conflict"])


def test_the_tables_have_the_numbers_of_the_logs(tmp_path):
    """Two models of one family at two agreements answer a few trials, and the table is recomputed from their responses."""
    experiment = make_experiment("microcosm-cue-conflict")
    for agreement, bias in (("1", 0.2), ("0.5", 0.8)):
        for name in ("microcosm-cue-conflict", "microcosm", "microcosm-low-pass"):
            observer = make_observer("biased", {"shape_bias": str(bias), "name": f"study-network-{agreement}-1"})
            run(make_experiment(name), observer, tmp_path, limit=48)
    frame = read_study([tmp_path])
    table = model_table(frame).set_index("agreement")
    assert list(table.index) == [1.0, 0.5]
    for agreement in table.index:
        log = frame[(frame["agreement"] == agreement) & (frame["dataset"] == experiment.name)]
        n_shape = sum(row.response == row.shape != row.texture for row in log.itertuples())
        n_cue = n_shape + sum(row.response == row.texture != row.shape for row in log.itertuples())
        assert tuple(table.loc[agreement, ["n_shape", "n_cue"]]) == (n_shape, n_cue)
    model = fit_cells(decisions(frame))
    assert model.cells == ("network 100%", "network 50%")
    assert set(contrast_table(model)["contrast"]) == {"network: agreement 50% − 100%"}


def test_the_tables_of_the_page_are_those_of_the_recorded_trials(capsys):
    show(read_study(["microcosm-study"]), None)
    printed = capsys.readouterr().out
    page = (Path(__file__).parents[2] / "docs" / "shape-bias.md").read_text("utf-8").partition("## Results")[2]
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    assert len(rows) > 40
    assert [row for row in rows if row not in printed] == []
