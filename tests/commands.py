"""The command line, called as a user would."""

from typer.testing import CliRunner, Result

from cli import app


def observers(*words: object, code: int = 0, answer: str | None = None) -> Result:
    """`observers WORDS…`, which must end with `code`; `answer` is typed where it asks."""
    done = CliRunner().invoke(app, [str(word) for word in words], input=answer)
    assert done.exit_code == code, f"{words}: {done.output}{done.exception!r}"
    return done
