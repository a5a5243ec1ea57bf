"""Send SIGINT and SIGTERM to short commands at random moments, and count exit codes, tracebacks and wrong sidecars.

    python benchmarks/signals.py [--signals 300] [--seed 0]

A third of the signals arrive in the first 1.5 seconds, while the command line starts. The expected exit codes are 3
(stopped) and 0 (the command was complete). A signal that arrives before Python runs the first line of the program
ends it with the code of the signal; these are counted as `before the start`. The exit code of this script is 1 if
anything else happens, or if the sidecar and the log disagree about the number of rows.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLI = [sys.executable, "-m", "cli"]
START_SECONDS = 1.5
# Name of a command -> its words, in which LOGS and OUT are replaced, and about how long it runs in seconds.
COMMANDS = {
    "run-experiment": ("run-experiment drawn-cue-conflict -m ideal --quiet --out OUT", 3.0),
    "workers": ("run-experiment drawn-cue-conflict -m ideal --quiet --workers 2 --out OUT", 5.0),
    "collect": ("collect drawn-cue-conflict --participant K7Q2 --simulate biased --limit 40 --out OUT", 3.0),
    "analyze": ("analyze consistency LOGS --csv OUT/table.csv", 3.0),
    "export": ("export LOGS --format bids --out OUT/bids", 3.0),
    "report": ("report LOGS --no-intervals --out OUT/report", 6.0),
}


def interrupt(words: list[str], seconds: float, number: signal.Signals) -> tuple[int, str]:
    """Run a command, send it a signal after a time, and return its exit code and what it wrote to standard error."""
    process = subprocess.Popen([*CLI, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    process.send_signal(number)
    _, text = process.communicate(timeout=120)
    return process.returncode, text


def wrong_sidecars(folder: Path) -> list[str]:
    """Return the logs whose sidecar has a different number of rows, or says that the session is running."""
    wrong = []
    for log in folder.rglob("*_session-*.csv"):
        sidecar = json.loads(log.with_suffix(".json").read_text())
        if sidecar["status"] == "running" or sidecar["n_logged"] != len(log.read_bytes().splitlines()) - 1:
            wrong.append(log.name)
    return wrong


def main() -> None:
    """Send the signals and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signals", type=int, default=300, help="number of signals (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: %(default)s)")
    options = parser.parse_args()
    rng, counts, n_wrong = random.Random(options.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as temporary:
        logs = Path(temporary) / "logs"
        setup = ["run-experiment", "drawn-cue-conflict", "-m", "ideal", "-m", "biased", "--quiet", "--out"]
        subprocess.run([*CLI, *setup, logs], cwd=ROOT, check=True, capture_output=True)
        for i in range(options.signals):
            name = rng.choice(list(COMMANDS))
            text, duration = COMMANDS[name]
            out = Path(temporary) / str(i)
            words = [word.replace("LOGS", str(logs)).replace("OUT", str(out)) for word in text.split()]
            seconds = rng.uniform(0, START_SECONDS if rng.random() < 1 / 3 else duration)
            code, error = interrupt(words, seconds, rng.choice([signal.SIGINT, signal.SIGTERM]))
            if code < 0 or "init_import_site" in error:  # the second is the message of Python while it starts
                counts["before the start"] += 1
                continue
            counts[f"{name}: {code}"] += 1
            problems = [f"exit code {code}"] if code not in (0, 3) else []
            problems += ["traceback"] if "Traceback" in error else []
            problems += ["no sentence"] if code == 3 and error.count("To continue, run:") != 1 else []
            problems += [f"sidecar of {log}" for log in wrong_sidecars(out)] if out.exists() else []
            if problems:
                n_wrong += 1
                print(f"{name} after {seconds:.2f} s: {', '.join(problems)}\n{error}", flush=True)
    print(f"{options.signals} signals, {n_wrong} wrong; {dict(sorted(counts.items()))}")
    sys.exit(n_wrong > 0)


if __name__ == "__main__":
    main()
