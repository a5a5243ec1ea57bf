"""README is a specification: its Python runs, its commands run, word for word, and its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from cli import app
from stimuli.datasets import find
from stimuli.images import save_image

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def test_readme_commands_and_code_word_for_word(tmp_path, monkeypatch, drawn):
    monkeypatch.chdir(tmp_path)
    for i in range(6):  # what the reader has
        save_image(drawn.stimuli.stimuli[i].pixels(), tmp_path / "photos" / ("cat" if i < 3 else "dog") / f"cat{i}.png")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    ran = []
    have_data = find("stimuli", "cue-conflict") and find("humans", "cue-conflict")
    for language, text in BLOCKS:
        if language == "python":
            match = re.match(r"# (\w+\.py)\n", text)
            if match:
                (tmp_path / match[1]).write_text(text)
            else:
                exec(compile(text, "README", "exec"), {})
                ran.append(text)
        for line in text.splitlines() if language == "sh" else []:
            words = shlex.split(line)
            if words[0] != "observers" or words[1] == "fetch":
                continue
            if words[1] == "run-experiment" and words[2] == "cue-conflict":
                words += ["--limit", "40"]  # all 1,280 in tests/test_real.py
            if re.search(r"cue-conflict|humans", line.replace("drawn-cue-conflict", "")) and not have_data:
                continue
            if line == "observers analyze accuracy logs" and not have_data:
                continue  # there are no logs yet
            done = CliRunner().invoke(app, words[1:])
            if "sd14" in words:  # 4.3 GB, which no test downloads
                assert done.exit_code == 1 and "name a local folder that holds them: -o weights=DIR" in done.output
                continue
            assert done.exit_code == 0, f"{line}: {done.output}{done.exception}"
            ran.append(line)
    assert "observers check-observer mine.py:Brightness" in ran
    assert "observers report logs --out report" in ran
    assert (tmp_path / "report" / "index.html").is_file()
    assert any("kappa_matrix" in text for text in ran)


def test_set_up_is_two_commands():
    start = README.split("## Start")[1]
    assert re.search(r"```sh\n(.*?)```", start, re.DOTALL)[1].split() == ["make", "demo", "make", "test"]
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_the_observer_of_ones_own_is_ten_lines():
    (own,) = [text for language, text in BLOCKS if language == "python" and text.startswith("# mine.py")]
    body = own.split("@frozen")[1]
    assert len([line for line in body.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/design.md", "docs/people.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def test_pins_cover_every_dependency():
    """Every requirement of pyproject.toml has an exact version in constraints.txt, and torch has no local version."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.partition(";")[0].split("==") for line in lines if not line.startswith("#"))
    for requirement in wanted:
        assert re.match(r"[\w-]+", requirement)[0] in pins, requirement
    assert "+" not in pins["torch"]
    assert not [r for r in project["dependencies"] if "torchvision" in r]
