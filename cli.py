"""The command line `observers`. `commands.top_level.app` has the list of commands.

Signals are handled before the commands are imported, so that Ctrl-C and SIGTERM stop the program properly at any time.

Exit codes: 0 if the command succeeded, 1 if it was refused or failed, 2 for wrong usage, 3 if it was stopped and can be
resumed.
"""

from core import stopping


def main() -> None:
    """Run the command line."""
    stopping.main(_run)


def _run() -> None:
    from commands.top_level.app import run

    run()


def __getattr__(name: str) -> object:
    """Return the typer app, which is imported on first use."""
    if name != "app":
        raise AttributeError(f"module 'cli' does not have an attribute {name!r}")
    from commands.top_level.app import app

    return app


def __dir__() -> list[str]:
    """Return the names of this module, with the app, which `typer cli.py run` looks for."""
    return ["app", "main"]


if __name__ == "__main__":
    main()
