"""Thresholds compared with statsmodels, a plain reference and simulated observers, and undefined thresholds."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.genmod.families.links import Link

from analysis.io.choices import n_choices
from analysis.measures.psignifit_fitter import import_psignifit
from analysis.measures.psychometric import COLUMNS, REASONS, fit_psychometric, thresholds
from benchmarks.recovery import LAPSE, LEVELS, THRESHOLD, WIDTH, make_trials, simulate_responses
from core.errors import LogError
from core.extras import MissingExtra
from observers.simulated import Psychometric

GUESS = 1 / 16
X, N = np.array([0.0, 1, 2, 3, 4, 5]), np.full(6, 160.0)


def curve(x, threshold=2.3, slope=-1.7, lapse=0.08):
    return GUESS + (1 - GUESS - lapse) / (1 + np.exp(-slope * (x - threshold)))


def counts(seed=0, **true):
    return np.random.default_rng(seed).binomial(160, curve(X, **true)).astype(float)


class Lapsing(Link):
    """The logit link between guess rate and 1 - lapse rate, for statsmodels."""

    def __init__(self, lapse):
        self.range = 1 - GUESS - lapse

    def __call__(self, p):
        share = np.clip((p - GUESS) / self.range, 1e-9, 1 - 1e-9)
        return np.log(share / (1 - share))

    def inverse(self, z):
        return GUESS + self.range / (1 + np.exp(-z))

    def inverse_deriv(self, z):
        return self.range * np.exp(-np.abs(z)) / np.square(1 + np.exp(-np.abs(z)))

    def deriv(self, p):
        return 1 / self.inverse_deriv(self(p))

    def deriv2(self, p):
        h = 1e-6
        return (self.deriv(p + h) - self.deriv(p - h)) / (2 * h)


@pytest.mark.filterwarnings("ignore:The Lapsing link function")
@pytest.mark.parametrize("seed", range(4))
def test_fit_equals_a_binomial_glm_with_the_same_lapse_rate(seed):
    k = counts(seed)
    fitted = fit_psychometric(X, k, N, GUESS)
    model = sm.GLM(
        np.column_stack([k, N - k]),
        sm.add_constant(X),
        family=sm.families.Binomial(Lapsing(fitted["lapse_rate"]), check_link=False),
    )
    result = model.fit(start_params=[2.3 * 1.7, -1.7], maxiter=200)
    intercept, slope = result.params
    assert fitted["threshold"] == pytest.approx(-intercept / slope, abs=2e-3)
    assert fitted["width"] == pytest.approx(2 * np.log(19) / abs(slope), rel=2e-3)
    assert fitted["deviance"] == pytest.approx(result.deviance, abs=2e-3)
    assert fitted["accuracy_at_threshold"] == pytest.approx(GUESS + (1 - GUESS - fitted["lapse_rate"]) / 2)


@pytest.mark.slow
def test_fit_is_the_maximum_and_the_interval_follows_the_profile_likelihood():
    """The reference is a fine grid in plain numpy around the maximum and along the profile."""
    k = counts(5)
    fitted = fit_psychometric(X, k, N, GUESS)

    def likelihood(threshold, slope, lapse):
        p = curve(X, threshold, slope, lapse)
        return float(np.sum(k * np.log(p) + (N - k) * np.log(1 - p)))

    top = likelihood(fitted["threshold"], fitted["slope"], fitted["lapse_rate"])
    slopes, lapses = -np.geomspace(0.7, 5, 160), np.linspace(0, 0.25, 101)

    def profile(threshold):
        return max(likelihood(threshold, s, lapse) for s in slopes for lapse in lapses)

    assert top >= max(profile(t) for t in np.linspace(fitted["threshold"] - 0.2, fitted["threshold"] + 0.2, 5)) - 1e-6
    for end in (fitted["low"], fitted["high"]):
        assert 2 * (top - profile(end)) == pytest.approx(3.84, abs=0.05)


def test_parameters_of_a_simulated_observer_are_recovered():
    observer = Psychometric(THRESHOLD, WIDTH, LAPSE, "uniform-noise", name="one")
    table = thresholds(simulate_responses("uniform-noise", make_trials(320, LEVELS), observer))
    assert tuple(table.columns) == COLUMNS
    (row,) = table.itertuples()
    assert row.threshold == pytest.approx(THRESHOLD, abs=0.015) and row.low <= THRESHOLD <= row.high
    assert row.width == pytest.approx(-WIDTH, rel=0.25) and row.lapse_rate == pytest.approx(LAPSE, abs=0.04)
    assert (row.guess_rate, row.n_levels, row.n, row.scale) == (1 / 16, 8, 8 * 320, "linear")


def test_log_scale_with_a_level_without_any_filter():
    levels = ("inf", "3", "1.5", "1", "0.7", "0.55", "0.45", "0.4")
    observer = Psychometric(1.0, 0.8, 0.1, "high-pass", seed=1, name="one")
    (row,) = thresholds(simulate_responses("high-pass", make_trials(480, levels), observer)).itertuples()
    assert row.scale == "log10" and row.low <= 1.0 <= row.high and row.threshold == pytest.approx(1.0, abs=0.08)
    assert row.lapse_rate == pytest.approx(0.1, abs=0.04)  # estimated from the unfiltered images
    blur = Psychometric(6.0, -1.0, 0.1, "low-pass", name="one")
    (row,) = thresholds(
        simulate_responses("low-pass", make_trials(240, ("0", "1", "3", "5", "7", "10", "15", "40")), blur)
    ).itertuples()
    assert row.low <= 6.0 <= row.high


def undefined_reason(k, x=X, n=N):
    """Check that the threshold is undefined, and return the reason."""
    fitted = fit_psychometric(np.asarray(x, float), np.asarray(k, float), np.asarray(n, float), GUESS)
    assert np.isnan([fitted["threshold"], fitted["low"], fitted["high"]]).all()
    return fitted["reason"]


def test_reasons_for_undefined_thresholds():
    assert undefined_reason(N) == REASONS["right"]
    assert undefined_reason(np.zeros(6)) == REASONS["wrong"]
    assert undefined_reason([80, 81, 79, 80, 82, 78]) == REASONS["flat"]
    assert undefined_reason([10, 9, 11, 10, 10, 9]) == REASONS["flat"]  # at chance
    assert undefined_reason([80, 10], X[:2], N[:2]) == REASONS["levels"]
    assert undefined_reason([150, 80, 10], [-np.inf, 1, np.inf], N[:3]) == REASONS["levels"]
    assert undefined_reason(160 * curve(X, threshold=8.0, slope=-0.9, lapse=0.0)) == REASONS["outside"]


def test_threshold_of_a_step_is_between_its_levels():
    fitted = fit_psychometric(X, np.array([160.0, 160, 160, 10, 10, 10]), N, GUESS)
    assert 2 < fitted["threshold"] < 3 and fitted["low"] >= 2 - 0.1 and fitted["high"] <= 3 + 0.1


def test_interval_can_be_open():
    k = np.round(20 * curve(X, threshold=0.3, slope=-1.0, lapse=0.0))
    fitted = fit_psychometric(X, k, np.full(6, 20.0), GUESS)
    assert fitted["low"] == -np.inf and np.isfinite(fitted["high"])


def test_maximum_lapse_rate():
    k = 160 * curve(X, lapse=0.3)
    assert fit_psychometric(X, k, N, GUESS)["lapse_rate"] == pytest.approx(0.3, abs=0.01)
    limited = fit_psychometric(X, k, N, GUESS, max_lapse=0.06)
    assert limited["lapse_rate"] <= 0.06 and limited["deviance"] > 5
    assert fit_psychometric(X, k, N, GUESS, max_lapse=0.0)["lapse_rate"] == 0
    with pytest.raises(ValueError, match=r"max_lapse must be at least 0 and below 1, got 1\.5"):
        thresholds(pd.DataFrame(), max_lapse=1.5)


def test_observers_with_few_levels_and_datasets_without_levels():
    observer = Psychometric(THRESHOLD, WIDTH, LAPSE, "uniform-noise", name="one")
    all_levels = simulate_responses("uniform-noise", make_trials(80, LEVELS), observer)
    two_levels = all_levels[all_levels["condition"].isin(LEVELS[:2])].assign(observer="two-levels")
    rotation = simulate_responses("rotation", make_trials(16, ("0", "90", "180")), observer)
    table = thresholds(pd.concat([all_levels, two_levels, rotation])).set_index("observer")
    assert table.loc["one", "reason"] == "" and table.loc["two-levels", "reason"] == REASONS["levels"]
    assert table.attrs["notes"] == ["datasets without levels are excluded: rotation"]
    message = (
        r"no dataset in these logs has levels \(found rotation\); thresholds need a distortion with several levels"
    )
    with pytest.raises(LogError, match=message):
        thresholds(rotation)
    with pytest.raises(LogError, match="levels below 0, which a log10 scale cannot show; use --scale linear"):
        thresholds(simulate_responses("mine", make_trials(16, ("-1", "1", "2")), observer), scale="log10")


def test_number_of_choices():
    frame = simulate_responses("mine", make_trials(32, ("1", "2")), Psychometric(name="one"))
    assert n_choices(frame) == 16 and n_choices(frame.assign(dataset="edge")[:1]) == 16
    few = frame[:1].assign(category="cat", response="dog")
    assert n_choices(few) == 2
    assert n_choices(few.assign(evidence_cat=0.5, evidence_dog=0.2, evidence_car=0.3, evidence_other=np.nan)) == 3


@pytest.mark.skipif(
    importlib.util.find_spec("psignifit") is None, reason="psignifit comes with the extra psychometrics"
)
def test_psignifit_gives_similar_thresholds():
    observer = Psychometric(THRESHOLD, WIDTH, LAPSE, "uniform-noise", name="one")
    frame = simulate_responses("uniform-noise", make_trials(240, LEVELS), observer)
    ours, theirs = (thresholds(frame, fitter=fitter).iloc[0] for fitter in ("likelihood", "psignifit"))
    assert theirs["threshold"] == pytest.approx(ours["threshold"], abs=0.01)
    assert theirs["low"] < THRESHOLD < theirs["high"] and theirs["deviance"] == pytest.approx(ours["deviance"], abs=2)


def test_error_without_psignifit_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psignifit", None)
    message = r'^the fitter psignifit needs psignifit: .* install "observers\[psychometrics\]"$'
    with pytest.raises(MissingExtra, match=message):
        import_psignifit()
