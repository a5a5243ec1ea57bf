"""A small subset of Markdown for the texts that participants read: paragraphs, lists, bold words and links.

Paragraphs are separated by an empty line; a single line break is a space. The lines of a list begin with "- ", "* " or a
number and a period, such as "1. ". Words between ** and ** are bold. [words](https://example.org) is a link, whose address
begins with https://, http:// or mailto:. Everything else, such as HTML, is shown as it is written. A backslash before *, [
or a backslash shows this character.
"""

import html
import re
from collections.abc import Callable, Sequence

from attrs import frozen

_ITEM = re.compile(r"\s*(?:[-*]|(\d{1,3})[.)])\s+(.*)")
_INLINE = re.compile(r"\\([\\*\[])|\*\*(?=\S)(.+?)(?<=\S)\*\*|\[([^\]\[]+)\]\(([^()\s]*)\)", re.DOTALL)
_ADDRESS = re.compile(r"(?:https?://[^\s\"'<>{}]+|mailto:[^\s\"'<>{}]+@[^\s\"'<>{}]+)\Z")


class MarkdownError(ValueError):
    """Raised for a link whose address is not allowed."""


@frozen
class Span:
    """A part of a line of text. `address` is the address of a link, or empty."""

    text: str
    bold: bool = False
    address: str = ""


@frozen
class Block:
    """A paragraph, or one item of a list. `marker` is "" for a paragraph, "•" for a list item, or a number such as "2."."""

    spans: tuple[Span, ...]
    marker: str = ""

    @property
    def is_bold(self) -> bool:
        """Whether all words of the block are bold."""
        return all(span.bold for span in self.spans if span.text.strip())


def parse(text: str) -> list[Block]:
    """Return the paragraphs and list items of a text. Raises MarkdownError for a link with another kind of address."""
    blocks: list[tuple[str, list[str]]] = []
    is_open = False  # whether the next line continues the last block
    for line in text.splitlines():
        item = _ITEM.fullmatch(line)
        if not line.strip():
            is_open = False
        elif item:
            blocks.append((f"{item[1]}." if item[1] else "•", [item[2].strip()]))
            is_open = True
        elif is_open:
            blocks[-1][1].append(line.strip())
        else:
            blocks.append(("", [line.strip()]))
            is_open = True
    return [Block(tuple(_parse_spans(" ".join(lines))), marker) for marker, lines in blocks]


def _parse_spans(text: str, bold: bool = False) -> list[Span]:
    """Return the spans of a paragraph."""
    spans, position = [], 0
    for match in _INLINE.finditer(text):
        spans.append(Span(text[position : match.start()], bold))
        position = match.end()
        if match[1]:
            spans.append(Span(match[1], bold))
        elif match[2]:
            spans += _parse_spans(match[2], bold=True)
        else:
            if not _ADDRESS.match(match[4]):
                raise MarkdownError(
                    f"the link [{match[3][:40]}]({match[4][:80]}) has an address that is not allowed: expected an address "
                    f"that begins with https://, http:// or mailto:"
                )
            spans.append(Span(match[3], bold, match[4]))
    spans.append(Span(text[position:], bold))
    return [span for span in spans if span.text]


def to_html(blocks: Sequence[Block], fill: Callable[[str], str]) -> str:
    """Return blocks as HTML. `fill` replaces the placeholders in a text; its result is escaped by `escape`."""
    parts: list[str] = []
    open_list = ""
    for block in blocks:
        tag = "" if not block.marker else "ul" if block.marker == "•" else "ol"
        if tag != open_list:
            parts += [f"</{open_list}>"] if open_list else []
            # A list that begins with another number keeps it.
            start = f' start="{int(block.marker[:-1])}"' if tag == "ol" and block.marker != "1." else ""
            parts += [f'<{tag} dir="auto"{start}>'] if tag else []
            open_list = tag
        content = "".join(_span_html(span, fill) for span in block.spans)
        if not any(fill(span.text).strip() for span in block.spans):  # a placeholder with an empty value
            continue
        parts.append(f"<li>{content}</li>" if tag else f'<p dir="auto">{content}</p>')
    return "".join([*parts, f"</{open_list}>" if open_list else ""])


def _span_html(span: Span, fill: Callable[[str], str]) -> str:
    content = fill(span.text)
    if span.address:
        address = html.escape(span.address)
        content = f'<a href="{address}" target="_blank" rel="noopener noreferrer">{content}</a>'
    return f"<strong>{content}</strong>" if span.bold else content


def to_plain(block: Block, fill: Callable[[str], str]) -> str:
    """Return the text of a block without bold words; the address of a link follows its words in parentheses."""
    return "".join(fill(span.text) + (f" ({span.address})" if span.address else "") for span in block.spans)
