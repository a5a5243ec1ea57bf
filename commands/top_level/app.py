"""The app `observers`: its commands, in groups. `commands.top_level.group` shows errors."""

import io
import sys
from typing import Any

import typer

from commands.analyze import analyze
from commands.check_observer import check_observer
from commands.export import export
from commands.fetch import fetch
from commands.figures import figures
from commands.forget import forget
from commands.generative import estimate_allocation, explain_trial, reconstruct
from commands.import_trials import import_
from commands.list import list_
from commands.people import calibrate_monitor, collect, doctor
from commands.report import report
from commands.running.cluster import scheduler, worker
from commands.running.demo import demo
from commands.running.merge import merge
from commands.running.run_experiment import run_experiment
from commands.running.status import status
from commands.show import show
from commands.stimuli import make_cue_conflict, make_stimuli, show_stimuli
from commands.texts import texts
from commands.top_level.group import Group, top_level_options
from commands.web import import_web, serve

GROUPS = {
    "Run experiments": (demo, run_experiment, status, merge, check_observer, estimate_allocation, list_, show),
    "Use several machines": (scheduler, worker),
    "Look at results": (report, figures, explain_trial, reconstruct),
    "Analyze trial logs": (analyze, import_, export),
    "Work with people": (collect, calibrate_monitor, doctor, texts, serve, import_web, forget),
    "Prepare stimuli": (fetch, make_stimuli, make_cue_conflict, show_stimuli),
}


def command_name(command: Any) -> str:
    """Return the name under which a command of GROUPS is called on the command line."""
    return "analyze" if command is analyze else command.__name__.strip("_").replace("_", "-")


app = typer.Typer(cls=Group, no_args_is_help=True, callback=top_level_options,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # rich would take most of the time that --help takes
    pretty_exceptions_enable=False,
    help="Run psychophysics experiments in which people, classifiers, generative models and vision-language models are "
         "all observers, and analyze their trial logs. `observers COMMAND --help` explains a command with an "
         "example.",
    epilog="Exit codes: 0 if the command succeeded; 1 if it was refused or failed, with a message that says why; 2 if a "
           "command or an option was not understood; 3 if it was stopped, or work remains, and the same command continues "
           "it. Results go to standard output; notes, progress and errors go to standard error.")  # fmt: skip
for title, commands in GROUPS.items():
    for command in commands:
        if command is analyze:
            app.add_typer(analyze, name="analyze", rich_help_panel=title)
        else:
            app.command(command_name(command), rich_help_panel=title)(command)


def run() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # some terminals cannot encode every character
            stream.reconfigure(errors="replace")
    app()
