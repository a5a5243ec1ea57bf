"""The commands and the numbers of docs/populations.md, on the published recordings."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.commands import observers
from tests.conftest import real

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "populations.md").read_text("utf-8")
COMMANDS = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)[1].replace("\\\n", " ").splitlines()
LOGS = ("humans/cue-conflict", "networks/cue-conflict", "vlm/vqa", "vlm/clip")


@pytest.fixture(autouse=True)
def recordings(tmp_path, monkeypatch):
    for log in LOGS:
        real(*log.split("/"))
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", [line for line in COMMANDS if not line.startswith("observers fetch")])
def test_commands_of_the_page(command, recordings):
    observers(*shlex.split(command)[1:])
    if "figures" in command:
        assert len(list((recordings / "populations").glob("*.png"))) == 3


def number(value, digits=3):
    """Return a number as the page writes it, without the zero before the point."""
    return f"{value:.{digits}f}".lstrip("0")


def test_numbers_of_the_page():
    text = " ".join(PAGE.split())
    table = json.loads(observers("analyze", "ceiling", *LOGS, "--json").stdout)
    row = {r["observer"]: r for r in table}
    for name in ("internvl_chat", "internvl_chat_1_2_plus"):
        kappa, low, high = (number(row[name][key]) for key in ("kappa", "low", "high"))
        assert f"(κ = {kappa} [{low}, {high}])" in text
    least = number(min(r["kappa"] for r in table if r["observer"].startswith("subject")))
    assert f"at least as well as the least consistent person does ({least})" in text
    mean, low, high = (number(row["subject-01"][key]) for key in ("ceiling", "ceiling_low", "ceiling_high"))
    assert f"less well than the average person does ({mean} [{low}, {high}])" in text
    rows = json.loads(observers("analyze", "shape-bias", *LOGS, "--json").stdout)
    bias = {r["observer"]: r for r in rows if r["category"] == "all"}
    network = [number(bias["resnet50-trained-on-SIN"][key], 2) for key in ("shape_bias", "low", "high")]
    assert "has {} [{}, {}]".format(*network) in text
    people = [r["shape_bias"] for r in bias.values() if r["kind"] == "human"]
    assert f"People have {number(min(people), 2)} to {number(max(people), 2)}" in text
