"""The welcome, the consent and the debriefing of a session at the screen, and what is stored about them."""

import json

import pytest
from attrs import evolve

from core.errors import ObserverError
from experiments.exclusion_rules import read_exclusion_rules
from experiments.people.collecting import collect
from experiments.people.refusals import REFUSALS, read_refusals
from observers.people.monitor import Monitor, write_monitor
from observers.people.participant import Participant
from observers.people.screens.screen import Click, Key, OutlineItem, TextItem
from observers.people.texts.reading import load_texts
from tests.unit.experiments.logs import sidecar
from tests.unit.observers.people.scripted_screen import ScriptedScreen


class LabScreen(ScriptedScreen):
    """A screen on which the participant answers the question about the consent with a button or a key."""

    sound_problem = "the loudspeaker is broken"

    def __init__(self, consent="1", **options):
        super().__init__(lambda n: [], **options)
        self.consent = consent

    def flip(self, scene):
        buttons = [item for item in scene.items if isinstance(item, OutlineItem)]
        if self._centered and len(buttons) == 2 and isinstance(scene.items[0], TextItem):
            button = buttons[0 if self.consent == "click" else 1]
            event = Key(self.consent, 0) if self.consent in "12" else Click(button.x + 5, button.y + 5, 0)
            outside = Click(0, button.y + 3 * button.height, 0), Key("space", 0)
            self.plan_events([(0.1, outside[0]), (0.2, outside[1]), (0.5, event)])
        return super().flip(scene)

    @property
    def pages(self):
        """The text of each page, without repetitions."""
        texts = (tuple(i.text for i in scene.items if isinstance(i, TextItem)) for scene, _ in self.scenes)
        return list(dict.fromkeys(" ".join(text) for text in texts if text))


def person(screen, **options):
    return Participant(code="K7Q2", pilot=True, screen=screen, **options)


def start_of(page):
    return " ".join(page.split()[:3])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "starts"),
    [
        ("en", ["Welcome, and thank", "Your consent •", "PILOT: this session", "One moment …", "Too late",
                "0 % of", "PILOT: this session", "Block 1 of", "Block 2 of", "What this experiment"]),
        ("de", ["Willkommen, und vielen", "Ihre Einwilligung •", "PILOT: Diese Sitzung", "Einen Moment …", "Zu spät",
                "In diesem Block", "PILOT: Diese Sitzung", "Block 1 von", "Block 2 von", "Worum es in"]),
    ],
)  # fmt: skip
def test_all_phases_in_both_languages(language, starts, small, tmp_path):
    screen, notes, texts = LabScreen(), [], load_texts(language)
    path = collect(small, person(screen, texts=texts), tmp_path, n_practice=2, notify=notes.append)
    assert [start_of(page) for page in screen.pages] == starts
    assert "32" in screen.pages[0] and "K7Q2" in screen.pages[1]
    assert "2 Übungsbilder" in screen.pages[2] or "2 practice pictures" in screen.pages[2]
    assert "2 practice" not in screen.pages[6] and "2 Übungsbilder" not in screen.pages[6]
    assert notes == [
        "sound is not available (the loudspeaker is broken), so errors in practice trials are shown on the screen without a "
        "beep"
    ]
    records = {"texts": [texts.describe()], "consent": [{"version": "1", "language": language}]}
    assert sidecar(path)["session_records"] == records
    assert sidecar(tmp_path / "small-practice" / "small-practice_K7Q2-pilot_session-1.csv")["session_records"] == (
        records | {"sound": ["none: the loudspeaker is broken"]}
    )
    options = sidecar(path)["identity"]["observer"]["options"]
    assert not {"texts", "consent", "n_trials"} & options.keys()


@pytest.mark.parametrize("consent", ["1", "click"])
def test_consent_is_given_with_a_button_or_a_key(consent, small, tmp_path):
    path = collect(small, person(LabScreen(consent)), tmp_path, limit=1)
    assert sidecar(path)["session_records"]["consent"] == [{"version": "1", "language": "en"}]


@pytest.mark.parametrize("consent", ["2", "second"])
def test_a_refusal_is_only_counted(consent, small, tmp_path):
    write_monitor(Monitor("lab", 40.0, 57.0, (1280, 1024)), tmp_path / "lab.json")
    logs = tmp_path / "logs"
    real = Participant(code="K7Q2", screen=LabScreen(consent), texts=load_texts("de"), monitor=tmp_path / "lab.json")
    for n in (1, 2):
        with pytest.raises(
            ObserverError, match=rf"did not consent.*only the number of refusals was stored \({n} so far\)"
        ):
            collect(small, real, logs)
    assert [path.name for path in logs.iterdir() if path.suffix != ".lock"] == [REFUSALS]
    assert "K7Q2" not in (logs / REFUSALS).read_text()
    assert read_refusals(logs)[0] | {"n_refusals": 2} == read_refusals(logs)[0]
    assert "Sie haben nicht eingewilligt" in real.screen.pages[-1]
    with pytest.raises(ObserverError, match="nothing was stored"):
        collect(small, person(LabScreen(consent)), logs)
    assert read_refusals(logs)[0]["n_refusals"] == 2


def test_a_resumed_session_asks_again_only_for_another_version(small, tmp_path):
    texts = load_texts()
    path = collect(small, person(LabScreen(), texts=texts), tmp_path, limit=2)
    screen, notes = LabScreen(), []
    collect(small, person(screen, texts=texts), tmp_path, limit=4, resume=True, notify=notes.append)
    assert not any("consent" in page or page.startswith("Welcome, ") for page in screen.pages) and notes == []
    assert any("Welcome back! You will continue with picture 3." in page for page in screen.pages)
    new = evolve(texts, texts={**texts.texts, "consent.version": "2"})
    screen = LabScreen()
    collect(small, person(screen, texts=new), tmp_path, limit=6, resume=True, notify=notes.append)
    assert screen.pages[0].startswith("Your consent")
    assert notes == ["this session began with other texts: the sidecar will list both versions"]
    records = sidecar(path)["session_records"]
    assert [entry["version"] for entry in records["consent"]] == ["1", "2"]
    assert records["texts"] == [texts.describe(), new.describe()]


def test_a_session_that_was_stopped_after_the_practice_does_not_ask_again(small, tmp_path):
    class StoppedScreen(LabScreen):
        def flip(self, scene):
            if self.n_grids > 2:
                raise KeyboardInterrupt
            return super().flip(scene)

    with pytest.raises(KeyboardInterrupt):
        collect(small, person(StoppedScreen()), tmp_path, n_practice=2)
    screen = LabScreen()
    path = collect(small, person(screen), tmp_path, n_practice=2, limit=1, resume=True)
    assert not any("consent" in page or page.startswith("Welcome, ") for page in screen.pages)
    assert sidecar(path)["session_records"]["consent"] == [{"version": "1", "language": "en"}]


def test_sessions_of_earlier_versions_are_resumed(small, tmp_path):
    path = collect(small, person(LabScreen()), tmp_path, limit=2)
    content = sidecar(path)
    del content["session_records"]
    path.with_suffix(".json").write_text(json.dumps(content))
    collect(small, person(LabScreen()), tmp_path, limit=3, resume=True)
    assert sidecar(path)["session_records"]["consent"] == [{"version": "1", "language": "en"}]


def test_rules_are_declared_and_consent_can_be_left_out(small, tmp_path):
    (tmp_path / "rules.toml").write_text("max_missed = 0.05\n")
    rules = read_exclusion_rules(tmp_path / "rules.toml")
    screen = LabScreen()
    path = collect(small, person(screen), tmp_path, limit=1, n_practice=1, consent=False, exclusions=rules)
    assert not any("consent" in page for page in screen.pages) and screen.pages[0].startswith("Welcome")
    assert "consent" not in sidecar(path)["session_records"] and sidecar(path)["exclusions"]["rules"] == {
        "max_missed": 0.05
    }
    assert "exclusions" not in sidecar(tmp_path / "small-practice" / "small-practice_K7Q2-pilot_session-1.csv")


def test_empty_texts_are_not_shown(small, tmp_path):
    texts = load_texts()
    empty = dict.fromkeys(("welcome.text", "consent.text", "debriefing.text"), "")
    screen = LabScreen()
    path = collect(small, person(screen, texts=evolve(texts, texts=texts.texts | empty)), tmp_path, limit=1)
    assert screen.pages[0].startswith("PILOT") and "Thank you!" in screen.pages[-1]
    assert "consent" not in sidecar(path)["session_records"]


def test_a_long_consent_has_several_pages_that_fit_on_the_screen(small, tmp_path):
    texts = load_texts()
    long = "\n\n".join(["**Consent**", *(f"Paragraph {n}. " + "word " * 40 for n in range(20))])
    screen = LabScreen()
    consent = evolve(texts, texts=texts.texts | {"consent.text": long})
    collect(small, person(screen, texts=consent), tmp_path, limit=1)
    pages = [page for page in screen.pages if "Page " in page]
    numbers = [page.rpartition("Page ")[2].partition(" 1: ")[0] for page in pages]
    assert numbers == [f"{n} of {len(pages)}" for n in range(1, len(pages) + 1)]
    assert len(pages) > 3 and all(f"Paragraph {n}." in " ".join(pages) for n in range(20))
    assert "I agree" in pages[-1] and not any("I agree" in page for page in pages[:-1])
    for scene, _ in screen.scenes:
        items = [item for item in scene.items if isinstance(item, TextItem)]
        assert all(abs(item.y) + item.height / 2 < screen.size[1] / 2 for item in items)


def test_translated_names_of_choices_are_shown_and_the_log_has_the_original(tmp_path, small):
    two = evolve(small, choices=("two faces", "vase"))
    screen = LabScreen()
    path = collect(two, person(screen, texts=load_texts("de")), tmp_path, limit=1)
    shown = {item.text for scene, _ in screen.scenes for item in scene.items if isinstance(item, TextItem)}
    assert {"zwei\nGesichter", "Vase"} <= shown
    assert sidecar(path)["identity"]["choices"] == ["two faces", "vase"]
    same = load_texts("de")
    same = evolve(same, texts=same.texts | {"category.vase": "zwei Gesichter"})
    with pytest.raises(ObserverError, match="have the same name 'zwei Gesichter'"):
        collect(two, person(screen, texts=same), tmp_path, session=2)
