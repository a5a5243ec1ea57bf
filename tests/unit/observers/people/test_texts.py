"""The texts that participants read: both languages, edited files, placeholders, Markdown, and what is refused."""

import re

import pytest

from core.errors import ObserverError, UnknownName, UserError
from experiments.sets.catalog import EXPERIMENTS
from observers.instructions import INSTRUCTIONS
from observers.people.texts import markdown
from observers.people.texts.placeholders import find_placeholders
from observers.people.texts.reading import FOLDER, LANGUAGES, load_texts
from observers.people.texts.rules import CATEGORY, PLACEHOLDERS, RULES
from tests.commands import observers

VALUES = dict.fromkeys(PLACEHOLDERS, 7) | {"question": "What?", "explanation": "", "code": "K7Q2"}


def write(folder, text, name="en.toml"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_all_texts_with_the_same_placeholders(language):
    texts, english = load_texts(language), load_texts("en")
    assert LANGUAGES == ("de", "en") and texts.texts.keys() == english.texts.keys() >= RULES.keys()
    for key in RULES:
        assert find_placeholders(texts.texts[key]) == find_placeholders(english.texts[key]), key
        assert len(markdown.parse(texts.texts[key])) == len(markdown.parse(english.texts[key]))
    choices = {choice for row in EXPERIMENTS.values() for choice in row.choices}
    assert {CATEGORY + choice for choice in choices} <= texts.texts.keys()
    texts.check_choices(sorted(choices))
    assert texts.notes == () and texts.consent_version == "1"


def test_english_questions_and_names_are_those_of_the_log():
    texts = load_texts()
    assert {name: texts.question(text) for name, text in INSTRUCTIONS.items()} == INSTRUCTIONS
    names = {key.removeprefix(CATEGORY): text for key, text in texts.texts.items() if key.startswith(CATEGORY)}
    assert all(choice == name for choice, name in names.items())


def test_every_placeholder_is_described():
    assert {name for rule in RULES.values() for name in rule.placeholders} == PLACEHOLDERS.keys()


def test_questions_explanations_and_choices_in_german():
    texts = load_texts("de")
    assert texts.question(INSTRUCTIONS["shape"]) == "Geben Sie an, welche Form auf dem Bild vorherrscht."
    assert texts.question("Is it alive?") == "Is it alive?"
    assert "Form" in texts.explanation(INSTRUCTIONS["shape"]) and texts.explanation("Is it alive?") == ""
    assert (texts.choice_name("airplane"), texts.choice_name("zebra")) == ("Flugzeug", "zebra")
    assert texts.line("instructions.mouse", seconds=1.5).count("1,5 Sekunden") == 1
    assert texts.line("break.block_of", block=1, n_blocks=5) == "Block 1 von 5 ist geschafft."


def test_edited_texts_and_the_note_on_missing_ones(tmp_path):
    path = write(tmp_path, 'language = "de"\n[end]\ntext = "Fertig!"\n[category]\nzebra = "Zebra"\n', "mine.toml")
    texts = load_texts(path=path)
    assert texts.language == "de" and texts.html("end.text") == '<p dir="auto">Fertig!</p>'
    assert texts.line("buttons.continue") == "Weiter" and texts.choice_name("zebra") == "Zebra"
    assert len(texts.notes) == 1 and "the texts of the program (de) are shown instead" in texts.notes[0]
    french = load_texts(path=write(tmp_path, 'language = "fr"\n[end]\ntext = "Fini"\n', "fr.toml"))
    assert french.line("buttons.continue") == "Continue" and "(en) are shown instead" in french.notes[0]
    assert "category.airplane" not in load_texts("de").notes and "numbers.decimal_mark" in french.notes[0]


def test_the_same_texts_have_the_same_sha256_in_any_files(tmp_path):
    long = "**Hello**\n\n- one\n- two"
    one = write(tmp_path / "one", f'language = "en"\n[consent]\nversion = "2"\ntext = """\n{long}\n"""\n')
    write(tmp_path / "two", 'language = "en"\n[consent]\nversion = "2"\n')
    write(tmp_path / "two", f"{long}\n", "en/consent.text.md")
    first, second = load_texts(path=one), load_texts(path=tmp_path / "two")
    assert first.sha256 == second.sha256 != load_texts("en").sha256
    assert first.describe() == {"language": "en", "sha256": first.sha256, "consent_version": "2"}
    write(tmp_path / "two", "Bonjour", "fr/welcome.text.md")
    assert load_texts("fr", tmp_path / "two").html("welcome.text") == '<p dir="auto">Bonjour</p>'
    assert load_texts(path=tmp_path / "two").language == "en"


def test_an_edited_consent_needs_a_version_of_its_own(tmp_path):
    text = 'language = "en"\n[consent]\ntext = "Do you agree?"\n'
    assert any("set consent.version" in note for note in load_texts(path=write(tmp_path, text)).notes)
    assert not any(
        "set consent.version" in note for note in load_texts(path=write(tmp_path, text + 'version = "5"')).notes
    )
    assert load_texts(path=write(tmp_path, 'language = "en"\n[consent]\ntext = ""\n')).consent_version is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('[end]\ntext = "{nope}"', r"en.toml, line 3 \(end.text\): unknown placeholder \{nope\}; .* are: none"),
        (
            '[break]\nblock = "{block:a|b}"',
            r"unknown placeholder \{block:a|b\}; the placeholders of this text are: \{block\}",
        ),
        ('[practice]\ntext = "{n_practice:**a**|b}"', r"unknown placeholder \{n_practice:"),
        ('[instructions]\n\ntext = "x"', r"line 4 \(instructions.text\): the placeholder \{question\} is missing"),
        ('[end]\ntext = "a { b"', r"line 3 \(end.text\): the brace \{ is not part of a placeholder; write \{\{"),
        ('[end]\ntext = ""', r"line 3 \(end.text\): the text is empty, but it is needed"),
        ("[end]\ntext = 5", r"line 3 \(end.text\): expected a text in quotation marks, got 5"),
        ('[end]\nclose = """a\nb"""', r"line 3 \(end.close\): the text has several lines, expected one line"),
        (f'[end]\nclose = "{"a" * 501}"', r"the text has 501 characters, expected at most 500"),
        ('[end]\nclose = "a\\u0007"', r"the character U\+0007 cannot be shown"),
        ('[end]\ntext = "[x](javascript:a)"', r"line 3 \(end.text\): the link \[x\]\(javascript:a\) has an address"),
        ('[end]\ntxet = "a"', r"no text \(.*en.toml, line 3\) is named 'end.txet': did you mean end.text"),
        ('end = "a"', r"en.toml, line 2: end is outside of a table; put it under a line such as \[numbers\]"),
        ("[end", r"en.toml is not a valid TOML file: .*line 2"),
        ("a = " + "[" * 5000, r"en.toml is not a (file of texts|valid TOML file)"),
    ],
)
def test_errors_name_the_file_and_the_line(lines, message, tmp_path):
    with pytest.raises(UserError, match=message):
        load_texts(path=write(tmp_path, f'language = "en"\n{lines}\n'))


def test_files_folders_and_languages_that_are_refused(tmp_path):
    with pytest.raises(UnknownName, match=r"no language is named 'xx': .*de, en.* read with --texts"):
        load_texts("xx")
    with pytest.raises(UserError, match=r"missing.toml cannot be read: No such file"):
        load_texts(path=tmp_path / "missing.toml")
    with pytest.raises(UserError, match=r"does not contain texts: expected a file such as en.toml"):
        load_texts(path=tmp_path)
    path = write(tmp_path, 'language = "de"\n')
    with pytest.raises(UserError, match=r"has texts in the language de, not en: use --language de"):
        load_texts("en", path)
    with pytest.raises(UserError, match=r"the language is None, expected a line such as language = \"en\""):
        load_texts(path=write(tmp_path, "", "empty.toml"))
    path.write_bytes(b"\xff")
    with pytest.raises(UserError, match="is not a text file in UTF-8"):
        load_texts(path=path)
    path.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(UserError, match="has more than 1,048,576 bytes"):
        load_texts(path=path)


def test_folders_of_several_languages(tmp_path):
    write(tmp_path, 'language = "fr"\n', "fr.toml")
    write(tmp_path, 'language = "es"\n', "es.toml")
    with pytest.raises(UserError, match=r"has texts in es, fr: choose one of the languages with --language"):
        load_texts(path=tmp_path)
    with pytest.raises(UnknownName, match=r"no language in .* is named 'de'"):
        load_texts("de", tmp_path)
    write(tmp_path, "Hola", "es/end.close.md")
    with pytest.raises(UnknownName, match=r"no long text \(.*end.close.md\) is named 'end.close'"):
        load_texts("es", tmp_path)
    write(tmp_path, 'language = "fr"\n[end]\ntext = "Fini"\n', "fr.toml")
    write(tmp_path, "Fini", "fr/end.text.md")
    with pytest.raises(UserError, match=r"end.text.md: the text end.text is also in .*fr.toml, line 3; remove one"):
        load_texts("fr", tmp_path)


def test_choices_with_equal_names_are_refused(tmp_path):
    texts = load_texts(path=write(tmp_path, 'language = "en"\n[category]\ncat = "animal"\ndog = "animal"\n'))
    texts.check_choices(["cat", "car"])
    with pytest.raises(ObserverError, match=r"the choices 'cat' and 'dog' have the same name 'animal'"):
        texts.check_choices(["cat", "dog"])


def test_markdown_is_escaped_and_values_are_only_text(tmp_path):
    source = '''language = "en"
[welcome]
text = """
<script>alert(1)</script> & **bold *x* [link](https://a.example/?q=1&r=2)**
goes on {{here}}

1. first
2. second {code}

\\\\*\\\\*not bold\\\\*\\\\* [mail](mailto:a@b.example) <b>
"""
'''
    texts = load_texts(path=write(tmp_path, source))
    html = texts.html("welcome.text", code="<i>**x**</i>{n_trials}")
    assert "<script>" not in html and "<i>" not in html and "<b>" not in html
    assert '<a href="https://a.example/?q=1&amp;r=2" target="_blank" rel="noopener noreferrer">link</a>' in html
    assert '<ol dir="auto"><li>first</li><li>second &lt;i&gt;**x**&lt;/i&gt;{n_trials}</li></ol>' in html
    assert "goes on {here}" in html and "**not bold**" in html and 'href="mailto:a@b.example"' in html
    assert re.findall(r"<(\w+)", html) == ["p", "strong", "strong", "a", "ol", "li", "li", "p", "a"]
    first, one, two, last = texts.paragraphs("welcome.text", code="K7")
    assert first.text.endswith("link (https://a.example/?q=1&r=2) goes on {here}") and not first.bold
    assert (one.marker, two.marker, two.text, last.marker) == ("1.", "2.", "second K7", "")


def test_values_are_required():
    texts = load_texts("en")
    with pytest.raises(KeyError, match="n_trials"):
        texts.html("welcome.text", minutes=5)
    assert texts.paragraphs("instructions.text", **VALUES)[1].bold
    assert "<p" not in texts.html("browser.rate", rate=60)


@pytest.mark.parametrize(
    ("language", "n", "practice", "missed"),
    [
        ("en", 1, "you will see 1 practice picture. After it, the", "in time to 1 of 1 picture."),
        ("en", 2, "you will see 2 practice pictures. After each of them, the", "in time to 1 of 2 pictures."),
        ("de", 1, "Zuerst sehen Sie 1 Übungsbild. Nach diesem Übungsbild wird", "Bei 1 von 1 Bild haben"),
        ("de", 2, "Zuerst sehen Sie 2 Übungsbilder. Nach jedem Übungsbild wird", "Bei 1 von 2 Bildern haben"),
    ],
)
def test_singular_and_plural(language, n, practice, missed):
    texts = load_texts(language)
    assert practice in texts.html("practice.text", n_practice=n)
    assert practice in texts.paragraphs("practice.text", n_practice=n)[0].text
    assert missed in texts.line("break.missed", n_missed=1, n_trials=n)
    seconds = {"en": ("1 second.", "1.5 seconds."), "de": ("1 Sekunde ", "1,5 Sekunden ")}[language]
    assert all(
        text in texts.line("instructions.mouse", seconds=value) for text, value in zip(seconds, (1.0, 1.5), strict=True)
    )


def test_the_command_writes_checks_and_lists_texts(tmp_path):
    output = observers("texts", "--language", "de", "--out", tmp_path / "my").stdout
    path = tmp_path / "my" / "de.toml"
    assert output.startswith(f"{path}: edit the texts") and path.read_bytes() == (FOLDER / "de.toml").read_bytes()
    error = observers("texts", "--language", "de", "--out", tmp_path / "my", code=1).stderr
    assert "exists and may contain your own texts" in error
    assert "omit --texts" in observers("texts", "--texts", path, "--out", tmp_path, code=1).stderr
    path.write_text(path.read_text("utf-8").replace('agree = "Ich bin einverstanden"\n', ""), "utf-8")
    result = observers("texts", "--texts", path)
    assert "does not contain consent.agree: the texts of the program (de)" in result.stderr
    assert result.stdout.startswith("de  ") and " texts, consent version 1, SHA-256 " in result.stdout
    assert [line.split()[0] for line in observers("texts").stdout.splitlines()] == list(LANGUAGES)
    assert '"language": "de"' in observers("texts", "--language", "de", "--json").stdout
