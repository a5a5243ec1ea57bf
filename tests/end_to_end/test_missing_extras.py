"""Every command that needs an extra says so in one sentence if the extra is missing."""

import json
import os
import re
import subprocess
import sys

from experiments.running.session import run
from observers.simulated import Biased
from stimuli.images import save_image
from tests.unit.core.test_extras import ROOT

# Extra -> commands that need it.
COMMANDS = {
    "models": (
        "run-experiment drawn-cue-conflict --observer sd14",
        "run-experiment drawn-cue-conflict --observer sd14 --dry-run",
        "run-experiment drawn-cue-conflict --observer microcosm-cnn",
        "run-experiment drawn-cue-conflict --observer efficientnet-lite0",
        "run-experiment drawn-cue-conflict --observer hf:x",
        "run-experiment drawn-cue-conflict --observer clip:x",
        "run-experiment drawn-cue-conflict --observer observers.generative.families.flow:Flow",
        "reconstruct microcosm-ambiguous --observer microcosm-pixel",
        "estimate-allocation drawn-cue-conflict --observer sd14",
        "explain-trial drawn-cue-conflict/drawn-cue-conflict_biased-0.5_session-1.csv --observer microcosm-latent",
        "collect drawn-cue-conflict --participant K7Q2 --simulate microcosm-cnn",
        "check-observer sd14",
        "demo",
    ),
    "people": (
        "collect drawn-cue-conflict --participant K7Q2 --pilot",
        "collect drawn-cue-conflict --pilot",
        "calibrate-monitor lab.json --distance 57",
        "doctor",
    ),
    "textures": ("make-cue-conflict photos photos conflicts --method plenoptic",),
    "psychometrics": ("analyze thresholds contrast --fitter psignifit",),
}


# Runs commands, which are given as JSON, in an environment without the packages of any extra. Prints their results as JSON.
WITHOUT_EXTRAS = """
import json, sys
from core.extras import EXTRAS

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if any(f"{name}.".startswith(f"{module}.") for packages in EXTRAS.values() for module in packages):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
from typer.testing import CliRunner
from cli import app
results = [CliRunner().invoke(app, command.split()) for command in json.load(sys.stdin)]
print(json.dumps([(r.exit_code, r.output, repr(r.exception)) for r in results]))
"""


def test_no_command_shows_a_traceback_if_an_extra_is_missing(tmp_path, drawn):
    picture = drawn.stimuli.stimuli[0]
    for i in range(2):
        save_image(picture.pixels(), tmp_path / "photos" / "bear" / f"bear{i}.png")
    log = run(drawn, Biased(), tmp_path, limit=2)
    for path in (log, log.with_suffix(".json")):
        path.write_text(path.read_text("utf-8").replace("simulated", "generative"))
    header = "subj,session,trial,rt,object_response,category,condition,imagename\n"
    levels = ("c03", "c05", "c10", "c30", "c50")
    rows = [
        f"s,1,{i},0.5,{'bear' if i % 5 >= i % 4 else 'cat'},bear,{levels[i % 5]},0_{i}_bear.png" for i in range(100)
    ]
    (tmp_path / "contrast").mkdir()
    (tmp_path / "contrast" / "contrast_s_session_1.csv").write_text(header + "\n".join(rows) + "\n")
    commands = [command for group in COMMANDS.values() for command in group]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "VIRTUAL_ENV": sys.prefix}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS], input=json.dumps(commands), cwd=tmp_path, env=environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    results = dict(zip(commands, json.loads(done.stdout.splitlines()[-1]), strict=True))
    for extra, group in COMMANDS.items():
        for command in group:
            code, output, error = results[command]
            sentence = rf'needs [\w-]+: .*pip install "observers\[{extra}\]"'
            assert code == 1 and re.search(sentence, output) and error == "SystemExit(1)", f"{command}: {output}{error}"
