"""The reports of `observers demo`, and its closing summary."""

import hashlib
import json
import multiprocessing
import os
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands.options import create_observers, read_logs
from commands.running.run_experiment import run_session
from core.atomic import write_atomically
from core.errors import LogError
from core.json_files import JsonError, read_json

if TYPE_CHECKING:
    import pandas as pd

    from analysis.report.extras import Extra
    from observers.protocol import Observer

STATE = "demo.json"  # what the reports in the folder were made of, so that they are not written again
Make = Callable[[str], "Observer"]


class Models:
    """Makes observers when they are needed, each once, so that their weights are loaded once.

    Attributes:
        quiet: Whether progress is hidden.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self._made: dict[str, Observer] = {}

    def make(self, name: str) -> "Observer":
        """Return the observer with this name."""
        if name not in self._made:
            self._made[name] = create_observers([name], None, {})[0]
        return self._made[name]


def find_people_logs() -> list[str]:
    """Return the recordings for the second report; none if the images or the recorded people are not on this machine."""
    from experiments.demo import PEOPLE_EXPERIMENT, PEOPLE_LOGS
    from stimuli.published.datasets import find

    if find("stimuli", PEOPLE_EXPERIMENT) is None or find(*Path(PEOPLE_LOGS[0]).parts) is None:
        return []
    return [name for name in PEOPLE_LOGS if find(*Path(name).parts) is not None]


@contextmanager
def model_report_in_background(out: Path) -> Iterator[None]:
    """Write the report on the recorded trials in a second process while the block runs, and wait for it afterwards.

    `write_model_report` then has nothing left to write. If the second process fails, `write_model_report` writes the report
    and raises the error. If the block raises an exception, the second process is ended.
    """
    process = multiprocessing.get_context("spawn").Process(target=_write_in_background, args=(out,), daemon=True)
    process.start()
    try:
        yield
        process.join()
    finally:
        process.kill()
        process.join()


def _write_in_background(out: Path) -> None:
    """Write the report on the recorded trials without printing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends this one
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        write_model_report(out, (), Models(quiet=True).make)


def write_model_report(out: Path, extra_logs: Sequence[Path], make: Make) -> Path:
    """Write the report on the recorded trials and print its findings. Return the path of the page."""
    from experiments.demo import LIVE_EXPERIMENT

    start = time.monotonic()
    frame = read_logs(["microcosm", *map(str, extra_logs)], None)
    n_observers, n_experiments = frame["observer"].nunique(), frame["dataset"].nunique()
    typer.echo(
        f"\n3. The report is on {len(frame):,} recorded trials of {n_observers} observers in {n_experiments} experiments."
    )
    page, key = out / "report" / "index.html", _key_of(frame)
    if _is_current(out, "report", key, page):
        typer.echo("   The report is complete.")
    else:
        from analysis.report.report import write_report
        from experiments.sets.catalog import EXPERIMENTS, images_on_disk
        from experiments.sets.shown_stimuli import find_shown_stimuli
        from stimuli.draw.microcosm_sets import SETS

        drawn = [name for name in frame["dataset"].unique() if name in SETS or images_on_disk(EXPERIMENTS[name])]
        conflicts = frame[frame["dataset"] == LIVE_EXPERIMENT]
        extras = [section for section in (_explained_trial(conflicts, out, make), _study()) if section is not None]
        write_report(frame, out / "report", extras=extras, stimuli=find_shown_stimuli(drawn))
        _save_key(out, "report", key)
        typer.echo(f"   The report was written in {time.monotonic() - start:.0f} s.")
    _print_findings(frame, "The recorded trials of the models show:")
    return page


def _explained_trial(conflicts: "pd.DataFrame", out: Path, make: Make) -> "Extra | None":
    """Return the section on a trial on which observers disagree; None if an explained observer was not recorded."""
    from analysis.report.explained_trial import choose_trial, explained_trial_section
    from experiments.demo import EXPLAINED, LIVE_EXPERIMENT, recorded_observers
    from experiments.reconstruction.trial_explanation import explain
    from experiments.recordings import unpack_recording
    from observers.protocol import Restoration

    if not set(EXPLAINED) <= recorded_observers():
        return None
    number = choose_trial(conflicts, EXPLAINED[0])
    logs = [unpack_recording(LIVE_EXPERIMENT, name, out / "recorded") for name in EXPLAINED]
    explanations = [explain(log, number, make, Restoration(0.5, 1)) for log in logs]
    return explained_trial_section(conflicts, explanations)


def _study() -> "Extra | None":
    """Return the section on the controlled study of shape bias; None if its recorded trials are not installed."""
    from analysis.report.study_section import study_section
    from experiments.demo import LIVE_EXPERIMENT
    from stimuli.published.included import find_included

    if find_included("microcosm-study", LIVE_EXPERIMENT) is None:
        return None
    return study_section(read_logs([f"microcosm-study/{LIVE_EXPERIMENT}"], None))


def write_people_report(out: Path, logs: Sequence[str], make: Make, *, quiet: bool) -> Path:
    """Let a network answer cue-conflict, write the report with people and print its findings. Return the page."""
    from experiments.demo import PEOPLE_EXPERIMENT, PEOPLE_OBSERVER
    from experiments.log import has_rows, log_path, read_rows
    from experiments.sets.catalog import EXPERIMENTS
    from experiments.sets.registry import make_experiment

    start = time.monotonic()
    log, n_all = log_path(out / "logs", PEOPLE_EXPERIMENT, PEOPLE_OBSERVER, 1), EXPERIMENTS[PEOPLE_EXPERIMENT].n_stimuli
    typer.echo(f"\n4. {PEOPLE_OBSERVER} answers {n_all:,} trials of {PEOPLE_EXPERIMENT}, which people saw …")
    if not (has_rows(log) and len(read_rows(log)) > n_all):
        experiment = make_experiment(PEOPLE_EXPERIMENT)
        run_session(experiment, make(PEOPLE_OBSERVER), PEOPLE_OBSERVER, out / "logs", quiet=quiet)
    frame = read_logs([*logs, str(log)], None)
    typer.echo(f"   Writing a report on {len(frame):,} trials of people and models ({', '.join(logs)}) …")
    page, key = out / "people-report" / "index.html", _key_of(frame)
    if _is_current(out, "people-report", key, page):
        typer.echo("   The report of an earlier run is up to date.")
    else:
        from analysis.report.report import write_report
        from experiments.sets.shown_stimuli import find_shown_stimuli

        write_report(frame, out / "people-report", stimuli=find_shown_stimuli([PEOPLE_EXPERIMENT]))
        _save_key(out, "people-report", key)
        typer.echo(f"   This took {time.monotonic() - start:.0f} s.")
    _print_findings(frame, "People and models saw the same images:")
    return page


def _print_findings(frame: "pd.DataFrame", heading: str) -> None:
    """Print the findings at the beginning of the report."""
    from analysis.report.findings.findings import make_findings

    typer.echo(f"\n{heading}")
    for finding in make_findings(frame):
        typer.echo(f"   {finding.question} {' '.join(finding.sentences)}")


def describe_results(out: Path, report: Path, people_report: Path | None) -> None:
    """Print where the reports are, and three commands to try next."""
    from experiments.demo import EXPLAINED, LIVE_EXPERIMENT
    from experiments.log import log_path

    typer.echo(f"\nreport: {report}" + (f"\nreport with people: {people_report}" if people_report else ""))
    typer.echo("Open it in a browser with a double click. Commands to try next (after `source .venv/bin/activate`):")
    log = log_path(out / "recorded", LIVE_EXPERIMENT, EXPLAINED[0], 1)
    if log.is_file():
        from analysis.report.explained_trial import choose_trial

        number = choose_trial(read_logs([f"microcosm/{LIVE_EXPERIMENT}"], None), EXPLAINED[0])
        typer.echo(f"   observers explain-trial {shlex.quote(str(log))} --trial {number}")
    typer.echo("   observers run-experiment drawn-cue-conflict --observer efficientnet-lite0 --limit 64")
    if people_report is None:
        typer.echo(
            "   observers fetch cue-conflict humans networks vlm     (after that, `observers demo` also reports on people)"
        )
    else:
        typer.echo("   observers analyze consistency humans/cue-conflict networks/cue-conflict")


def _key_of(frame: "pd.DataFrame") -> str:
    """Return a digest of the trials and of the version of the program, from which a report follows."""
    import pandas as pd

    from analysis.report.provenance import version_of_observers

    columns = [name for name in ("dataset", "observer", "trial", "stimulus", "condition", "response") if name in frame]
    digest = hashlib.sha256(version_of_observers().encode())
    digest.update(pd.util.hash_pandas_object(frame[columns], index=False).to_numpy().tobytes())
    digest.update("\n".join(frame.attrs.get("notes", ())).encode())
    return digest.hexdigest()


def _is_current(out: Path, name: str, key: str, page: Path) -> bool:
    """Return whether an earlier run wrote the report from the same trials."""
    try:
        return page.is_file() and read_json(out / STATE).get(name) == key
    except (OSError, JsonError, AttributeError):
        return False


def _save_key(out: Path, name: str, key: str) -> None:
    """Save what a report was made of."""
    try:
        state = read_json(out / STATE)
    except (OSError, JsonError):
        state = {}
    state = (state if isinstance(state, dict) else {}) | {name: key}
    try:
        write_atomically(out / STATE, (json.dumps(state, indent=1) + "\n").encode())
    except OSError as error:
        raise LogError(f"{out / STATE}: {error.strerror}; choose another folder with --out") from None
