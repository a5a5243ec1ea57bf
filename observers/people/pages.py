"""Pages of text at the screen: welcome, consent, instructions, breaks and the end of a session."""

import textwrap
import unicodedata
from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from observers.people.grid import ChoiceCell
from observers.people.paradigm import flip
from observers.people.screens.screen import Click, Item, Key, OutlineItem, Scene, Screen, TextItem
from observers.people.texts.session_texts import Paragraph, SessionTexts

LINE_HEIGHT = 1.6  # distance of two lines of text in units of the height of their letters
MAX_COLUMNS = 70  # largest number of characters of a line
MAX_LINES = 24  # largest number of lines of a page of a long text
LETTER_WIDTH = 0.5  # average width of a letter in units of its height
INDENT = 1.6  # indentation of the items of a list in units of the height of the letters
BUTTON_WIDTH, BUTTON_HEIGHT = 16, 3  # size of a button in units of the height of the letters
CONTINUE_KEYS, CHOICE_KEYS = ("space", "return"), ("1", "2")


@frozen
class PageStyle:
    """How pages are shown.

    Attributes:
        background: Gray level of the background, between 0 and 1.
        height: Height of the letters in pixels. The letters are smaller if a page would not fit on the screen otherwise.
        texts: The texts of the session.
        pointer: Whether the mouse pointer is visible.
    """

    background: float
    height: float
    texts: SessionTexts
    pointer: bool = True


@frozen
class _Line:
    """A line of a page; an empty line separates paragraphs. The lines of a list item are indented, after its marker."""

    text: str = ""
    bold: bool = False
    marker: str = ""
    is_indented: bool = False


def show_page(
    screen: Screen, paragraphs: Sequence[Paragraph], style: PageStyle, *, prompt: str = "screen.continue"
) -> None:
    """Show centered paragraphs on one page until the participant clicks or presses the space bar or Enter.

    The key `prompt` is that of the text in the last line.
    """
    lines = [*_lines(paragraphs), _Line(), _Line(style.texts.line(prompt))]
    _wait(screen, _scene(screen, lines, style, align=False), style)


def show_document(
    screen: Screen, paragraphs: Sequence[Paragraph], style: PageStyle, *, prompt: str = "screen.continue"
) -> None:
    """Show a text of any length on as many pages as it needs, aligned to the left."""
    pages = _split(_lines(paragraphs))
    for number, page in enumerate(pages, start=1):
        end = [_Line(), _Line(style.texts.line(prompt)), *_page_number(number, len(pages), style)]
        _wait(screen, _scene(screen, [*page, *end], style, align=True), style)


def ask(screen: Screen, paragraphs: Sequence[Paragraph], style: PageStyle, options: tuple[str, str]) -> int:
    """Show a text with two buttons, and return which of the two options the participant chose, 0 or 1.

    A click on a button or its key, 1 or 2, chooses an option. A long text has several pages, with the buttons on the last
    one.
    """
    pages = _split(_lines(paragraphs))
    for number, page in enumerate(pages[:-1], start=1):
        end = [_Line(), _Line(style.texts.line("screen.continue")), *_page_number(number, len(pages), style)]
        _wait(screen, _scene(screen, [*page, *end], style, align=True), style)
    room = [_Line()] * (BUTTON_HEIGHT + 1)
    end = [_Line(), _Line(style.texts.line("screen.choose")), *_page_number(len(pages), len(pages), style)]
    lines = [*pages[-1], *room, *end]
    scene, height = _scene(screen, lines, style, align=True), _letter_height(screen, len(lines), style)
    middle = _line_y(len(pages[-1]) + len(room) / 2, len(lines), height)
    cells = _buttons(options, middle, height, screen.size[0])
    items: list[Item] = []
    for cell in cells:
        label = TextItem(f"{cell.key}: {cell.choice}", cell.x, cell.y, 0.9 * height, font=style.texts.font)
        items += [OutlineItem(cell.x, cell.y, cell.side, BUTTON_HEIGHT * height), label]
    scene = evolve(scene, items=(*scene.items, *items))
    _discard_input(screen, style)
    while True:
        result = flip(screen, scene)
        events: list[Click | Key] = [*result.clicks, *result.keys]
        for event in events:
            for i, cell in enumerate(cells):
                if _is_chosen(cell, event, height):
                    return i


def show_welcome(screen: Screen, style: PageStyle, values: Mapping[str, str | int]) -> None:
    """Show the welcome, unless its text is empty. `values` has the values of its placeholders."""
    if style.texts.has("welcome.text"):
        show_document(screen, style.texts.paragraphs("welcome.text", **values), style)


def ask_consent(screen: Screen, style: PageStyle, values: Mapping[str, str | int]) -> bool:
    """Ask for the consent and return whether the participant agrees. A refusal is confirmed with a text."""
    texts = style.texts
    options = texts.line("consent.agree"), texts.line("consent.decline")
    if ask(screen, texts.paragraphs("consent.text", **values), style, options) == 0:
        return True
    show_page(screen, texts.paragraphs("consent.declined"), style)
    return False


def show_debriefing(screen: Screen, style: PageStyle) -> None:
    """Show the debriefing, unless its text is empty."""
    if style.texts.has("debriefing.text"):
        show_document(screen, style.texts.paragraphs("debriefing.text"), style)


def show_wait_message(screen: Screen, style: PageStyle) -> None:
    """Show a short text while the images of a block are loaded."""
    text = TextItem(style.texts.line("screen.wait"), height=style.height, font=style.texts.font)
    flip(screen, Scene(style.background, (text,)))


def line_paragraph(text: str, *, bold: bool = False) -> list[Paragraph]:
    """Return a text of one line as a paragraph, or nothing if it is empty."""
    return [Paragraph(text, bold=bold)] if text else []


def _lines(paragraphs: Sequence[Paragraph]) -> list[_Line]:
    """Return the lines of paragraphs and list items, with empty lines between paragraphs."""
    lines: list[_Line] = []
    for i, paragraph in enumerate(paragraphs):
        if i and not (paragraph.marker and paragraphs[i - 1].marker):
            lines.append(_Line())
        # The characters of Chinese, Japanese and Korean are twice as wide as Latin letters.
        is_wide = any(unicodedata.east_asian_width(character) in "FW" for character in paragraph.text)
        width = MAX_COLUMNS // 2 if is_wide else MAX_COLUMNS
        wrapped = textwrap.wrap(paragraph.text, width)
        is_item = bool(paragraph.marker)
        lines += [_Line(text, paragraph.bold, "" if j else paragraph.marker, is_item) for j, text in enumerate(wrapped)]
    return lines


def _split(lines: list[_Line]) -> list[list[_Line]]:
    """Divide lines into pages of at most MAX_LINES lines, if possible between paragraphs."""
    pages = []
    while len(lines) > MAX_LINES:
        breaks = [i for i in range(MAX_LINES // 2, MAX_LINES + 1) if not lines[i].text]
        end = breaks[-1] if breaks else MAX_LINES
        pages.append(lines[:end])
        lines = lines[end:] if lines[end].text else lines[end + 1 :]
    return [*pages, lines]


def _page_number(number: int, n_pages: int, style: PageStyle) -> list[_Line]:
    """Return the line with the number of a page, or nothing if there is only one page."""
    return [] if n_pages == 1 else [_Line(style.texts.line("screen.page", page=number, n_pages=n_pages))]


def _scene(screen: Screen, lines: Sequence[_Line], style: PageStyle, *, align: bool) -> Scene:
    """Return the scene of a page. With `align`, all lines begin at the same position; otherwise they are centered."""
    height = _letter_height(screen, len(lines), style)
    left = -0.5 * LETTER_WIDTH * height * max(map(_width, lines))
    items: list[Item] = []
    for i, line in enumerate(lines):
        y, indent = _line_y(i, len(lines), height), INDENT * height if line.is_indented else 0.0
        if line.marker and align:
            items.append(TextItem(line.marker, left, y, height, align="left", font=style.texts.font))
        if line.text and align:
            items.append(
                TextItem(line.text, left + indent, y, height, bold=line.bold, align="left", font=style.texts.font)
            )
        elif line.text:
            text = f"{line.marker} {line.text}".strip()
            items.append(TextItem(text, 0.0, y, height, bold=line.bold, font=style.texts.font))
    return Scene(style.background, tuple(items), pointer=style.pointer)


def _letter_height(screen: Screen, n_lines: int, style: PageStyle) -> float:
    """Return the height of the letters of a page in pixels."""
    return min(style.height, screen.size[1] / (LINE_HEIGHT * (n_lines + 2)))


def _line_y(i: float, n_lines: int, height: float) -> float:
    """Return the vertical position of line `i` of a page, where the first line is 0."""
    return (n_lines / 2 - i) * LINE_HEIGHT * height


def _width(line: _Line) -> int:
    """Return the width of a line in Latin letters."""
    return sum(2 if unicodedata.east_asian_width(character) in "FW" else 1 for character in line.text)


def _buttons(options: tuple[str, str], y: float, height: float, screen_width: int) -> list[ChoiceCell]:
    """Return two buttons side by side; `side` is the width of a button."""
    longest = max(map(len, options)) + 6
    side = min(max(BUTTON_WIDTH * height, longest * 0.6 * height), 0.45 * screen_width)
    return [
        ChoiceCell(option, sign * 0.53 * side, y, side, key)
        for option, sign, key in zip(options, (-1, 1), CHOICE_KEYS, strict=True)
    ]


def _is_chosen(button: ChoiceCell, event: Click | Key, height: float) -> bool:
    """Return whether an event chooses a button, which is `side` wide and BUTTON_HEIGHT letters high."""
    if isinstance(event, Key):
        return event.name == button.key
    return abs(event.x - button.x) <= button.side / 2 and abs(event.y - button.y) <= BUTTON_HEIGHT * height / 2


def _discard_input(screen: Screen, style: PageStyle) -> None:
    """Center the pointer, and discard clicks and key presses from before the text appears."""
    screen.center_pointer()
    flip(screen, Scene(style.background))


def _wait(screen: Screen, scene: Scene, style: PageStyle) -> None:
    """Show a page until the participant clicks or presses the space bar or Enter."""
    _discard_input(screen, style)
    while True:
        result = flip(screen, scene)
        if result.clicks or any(key.name in CONTINUE_KEYS for key in result.keys):
            return
