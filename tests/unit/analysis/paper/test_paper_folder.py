"""Writing the paper's figures into a folder: other files in the folder stay, and the command reports every figure."""

import json

import pytest
from typer.testing import CliRunner

from analysis.paper.folder import SUFFIXES, write_figures
from cli import app
from core.errors import LogError, UnknownName
from tests.unit.analysis.paper.test_paper import figure_inputs, simulate_observers


@pytest.mark.usefixtures("empty_figures")
def test_a_folder_keeps_files_that_were_not_written_by_the_command(tmp_path):
    written = list(write_figures(figure_inputs(simulate_observers()), tmp_path, [1, 3]))
    assert [item.stem for item in written] == ["figure-01_cue-conflict", "figure-03"]
    files = {f"{item.stem}.{suffix}" for item in written for suffix in SUFFIXES} | {"figures.md", "made.txt"}
    assert {path.name for path in tmp_path.iterdir()} == files
    index = (tmp_path / "figures.md").read_text("utf-8")
    assert all(item.text in index for item in written)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    rewritten = write_figures(figure_inputs(simulate_observers()), tmp_path, [3])
    assert [item.stem for item in rewritten] == ["figure-03"]  # its own files are replaced and the others stay
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "figure-11.pdf").write_text("mine")
    with pytest.raises(LogError, match="was not made by this command"):
        list(write_figures(figure_inputs(simulate_observers()), tmp_path, [11]))
    assert (tmp_path / "figure-11.pdf").read_text() == "mine"
    steps = []
    list(write_figures(figure_inputs(simulate_observers()), tmp_path, [1, 3], lambda *step: steps.append(step)))
    assert steps == [(0, 2), (1, 2), (2, 2)]
    with pytest.raises(UnknownName, match="figure of the paper that trial logs can give is named '2'"):
        list(write_figures(figure_inputs(simulate_observers()), tmp_path, [2]))


@pytest.mark.slow
def test_the_command(tmp_path):
    from analysis.io.export import export

    frame = simulate_observers().assign(session=1, rt=0.5, source="made up")
    frame["trial"] = frame.groupby(["dataset", "observer"]).cumcount() + 1
    frame["stimulus"] = frame["condition"] + "-" + frame["stimulus"].str.replace(".png", "-1.png")
    export(frame[frame["dataset"] != "cue-conflict"], tmp_path / "logs")
    command = ["figures", str(tmp_path / "logs"), "--out", str(tmp_path / "out"), "--resamples", "20"]
    done = CliRunner().invoke(app, [*command, "--figure", "5", "--figure", "11", "--figure", "1"])
    assert done.exit_code == 0, done.output
    assert f"figure 5: {tmp_path / 'out' / 'figure-05.pdf'}" in done.stdout
    assert "figure 1: the logs contain no trial in which shape" in done.stderr
    assert (tmp_path / "out" / "figure-11.csv").is_file()
    done = CliRunner().invoke(app, [*command, "--figure", "5", "--figure", "1", "--json", "--quiet"])
    assert done.exit_code == 0 and done.stderr == ""
    first, *_, second = json.loads(done.stdout)
    assert (first["figure"], first["file"]) == (5, str(tmp_path / "out" / "figure-05.pdf")) and first["text"]
    assert (second["figure"], second["file"]) == (1, None) and "no trial in which shape" in second["text"]
    done = CliRunner().invoke(app, [*command, "--figure", "1"])
    assert done.exit_code == 1 and done.stderr.count("figure 1: the logs contain no trial in which shape") == 1
    done = CliRunner().invoke(app, [*command, "--figure", "1", "--figure", "13"])
    assert done.exit_code == 1 and "none of the figures can be drawn from these logs: figure 1: " in done.stderr
