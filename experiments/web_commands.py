"""`observers serve` and `import-web`: an experiment for people in browsers. Nothing heavy at the top."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stimuli.errors import ObserverError
from stimuli.resuming import resumable

What = Annotated[str, typer.Argument(help="A name of `observers list`, mine.py:NAME, or a folder of images.")]
Out = Annotated[Path, typer.Option(help="Folder for trial logs.")]


def serve(
    experiment: What,
    participant: Annotated[list[str] | None, typer.Option(help="A person's code; can be given several times.")] = None,
    sessions: Annotated[int | None, typer.Option(min=1, max=200, help="Invite N people, by random codes.")] = None,
    session: Annotated[int, typer.Option(min=1)] = 1,
    host: Annotated[str, typer.Option(help="Address to listen at; by default nobody else reaches it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is a free one.")] = 0,
    out: Out = Path("logs"),
    seed: Annotated[int | None, typer.Option(min=0, help="Order of the trials; else it follows from the code.")] = None,
    distance: Annotated[float, typer.Option(min=1, max=10_000, help="From the screen in cm, assumed.")] = 60.0,
    static: Annotated[Path | None, typer.Option(help="Only write the page into this folder.")] = None,
    save: Annotated[str, typer.Option(help="Where a --static page sends answers, unless to JATOS.")] = "",
    assets: Annotated[Path | None, typer.Option(help="Folder with npm's archives; else downloaded once.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Show an experiment to people in browsers.

    Every answer is in the log before the next trial. The same command again resumes.
    """
    from experiments import serving
    from experiments.registry import make_experiment
    from observers.people.jspsych import scripts
    from stimuli.progress import progress_bar

    codes, kept = _who(participant, sessions)
    what, files = make_experiment(experiment), scripts(assets)
    how: dict[str, Any] = {"session": session, "seed": seed, "distance": distance}
    if static is not None:
        for code in codes:
            folder = static / code if len(codes) > 1 else static
            typer.echo(f"{code}  {serving.write_static(what, code, folder, files, save=save, **how)}")
        return
    with resumable(kept, ("serve",)), progress_bar(what.name, "trials", quiet=quiet) as progress:
        total = serving.TotalProgress(progress)
        people = [serving.WebSession(what, c, out, files, **how, progress=total.of(c), say=_err) for c in codes]
        serving.serve(people, host=host, port=port, invited=sessions is not None, announce=_announce, say=_err)
    for one in people:
        typer.echo(f"log: {one.log}")


def import_web(
    experiment: What,
    files: Annotated[list[Path], typer.Argument(help="What a page posted, a JSON object a line.")],
    out: Out = Path("logs"),
) -> None:
    """Write answers that a --static page posted into trial logs."""
    from experiments.posted import import_answers
    from experiments.registry import make_experiment

    for path in import_answers(make_experiment(experiment), files, out, say=_err):
        typer.echo(f"log: {path}")


def _who(codes: list[str] | None, n_invited: int | None) -> tuple[list[str], str]:
    """The codes of who takes part, and what to say of them when it is stopped. Raises ObserverError."""
    from observers.people.codes import check_code, new_code

    if bool(codes) == bool(n_invited):
        raise ObserverError(f"who takes part? either --participant CODE, such as {new_code()}, or --sessions N")
    if codes:
        for code in codes:
            check_code(code)
        if len({code.lower() for code in codes}) < len(codes):
            raise ObserverError(f"a participant is there twice: {', '.join(codes)}")
        return codes, "every answer is kept"
    new: dict[str, None] = {}
    while len(new) < (n_invited or 0):
        new[new_code()] = None
    same = " ".join(f"--participant {code}" for code in new)
    return list(new), f"every answer is kept; for the same people write {same} in place of --sessions {n_invited}"


def _announce(code: str, url: str) -> None:
    typer.echo(f"{code}  {url}")


def _err(sentence: str) -> None:
    typer.echo(sentence, err=True)
