"""`observers texts`: the texts that participants read, in several languages."""

from pathlib import Path
from typing import Annotated

import typer

from commands.options import Json, Language, Texts, load_session_texts
from core.errors import UserError


def texts(
    language: Language = None,
    texts_path: Texts = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder for the file LANGUAGE.toml to edit (default: nothing is written)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write or check the texts that participants read.

    With --out, the texts of the program are written to a file that you can edit: welcome, consent, instructions, breaks,
    debriefing, buttons and the names of the choices. Give it to `collect` or `serve` with --texts. With --texts, your own
    texts are checked. Without options, the languages of the program are listed.

    \b
    Examples:
      observers texts --language de --out my-texts
      observers texts --texts my-texts
    """
    import json

    from core.atomic import write_atomically
    from observers.people.texts.reading import FOLDER, LANGUAGES, load_texts

    if out is not None:
        if texts_path is not None:
            raise UserError(f"got --texts {texts_path} and --out {out}: omit --texts to write the texts of the program")
        code = load_texts(language).language
        file = out / f"{code}.toml"
        if file.exists():
            raise UserError(f"{file} exists and may contain your own texts: use another folder, or move the file away")
        write_atomically(file, (FOLDER / f"{code}.toml").read_bytes())
        typer.echo(f"{file}: edit the texts, then check them with: observers texts --texts {out}")
        return
    if texts_path is not None or language is not None:
        chosen = [load_session_texts(language, texts_path)]
    else:
        chosen = [load_texts(name) for name in LANGUAGES]
    if as_json:
        typer.echo(json.dumps([{**part.describe(), "notes": list(part.notes)} for part in chosen], indent=2))
        return
    for part in chosen:
        consent = "without consent" if part.consent_version is None else f"consent version {part.consent_version}"
        typer.echo(f"{part.language}  {len(part.texts)} texts, {consent}, SHA-256 {part.sha256[:12]}…")
