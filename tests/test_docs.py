"""README and documentation: links have targets, pages are in the site, and README and the pins are complete."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_readme_starts_with_two_commands():
    start = README.split("## Start")[1]
    assert re.search(r"```sh\n(.*?)```", start, re.DOTALL)[1].split() == ["make", "demo", "make", "test"]
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub and mkdocs make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


LINKING = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]
)


@pytest.mark.parametrize("page", LINKING)
def test_links_have_targets(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        linked = ((ROOT / page).parent / file) if file else ROOT / page
        assert linked.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page} links to {target}, which has no such heading"


def test_every_page_is_in_the_site():
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert {path.name for path in ROOT.glob("docs/*.md")} == set(re.findall(r": (\S+\.md)", navigation))


def test_readme_has_at_most_150_lines():
    assert len(README.splitlines()) <= 150


def test_pins_cover_every_dependency():
    """Every requirement of pyproject.toml has an exact version in constraints.txt, and torch has no local version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.partition(";")[0].split("==") for line in lines if not line.startswith("#"))
    for requirement in wanted:
        if not requirement.startswith("observers["):  # the extra `all` names other extras of this project
            assert re.match(r"[\w-]+", requirement)[0] in pins, requirement
    assert "+" not in pins["torch"]
    assert not [r for r in project["dependencies"] if "torchvision" in r]
