"""The command line, called as a user would."""

from click.testing import CliRunner, Result
from typer.main import get_command

from cli import app

COMMAND = get_command(app)  # once, because it looks at all commands


def observers(*words: object, code: int = 0, answer: str | None = None) -> Result:
    """`observers WORDS…`, which must end with `code`; `answer` is typed where it asks."""
    done = CliRunner().invoke(COMMAND, [str(word) for word in words], input=answer)
    assert done.exit_code == code, f"{words}: {done.output}{done.exception!r}"
    return done
