"""The demonstration, with one image of each condition."""

from experiments.demo import MODELS, PARTS, RECONSTRUCTED_DAMAGE, SIMULATED_PEOPLE
from tests.commands import observers


def test_demo(tmp_path):
    output = observers("demo", "--limit", "1", "--out", tmp_path / "demo", "--quiet").stdout
    assert output.splitlines()[-1] == f"report: {tmp_path}/demo/report/index.html"
    assert "$ observers run-experiment microcosm-cue-conflict --observer microcosm-latent --observer" in output
    assert (
        "SIMULATED: SIMULATED-1, SIMULATED-2, SIMULATED-3 are simulated observers that take the place of people here."
        in output
    )
    assert len(list((tmp_path / "demo" / "logs").rglob("*.csv"))) == len(PARTS) * (len(MODELS) + len(SIMULATED_PEOPLE))
    page = (tmp_path / "demo" / "report" / "index.html").read_text("utf-8")
    assert "A trial as generative observers see it" in page
    assert len(list((tmp_path / "demo" / "report" / "figures").glob("reconstruction_*.png"))) == len(
        set(MODELS) & set(RECONSTRUCTED_DAMAGE)
    )
