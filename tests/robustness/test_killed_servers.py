"""`observers serve` that is killed while a participant answers: every acknowledged answer is in the log exactly once."""

import http.client
import json
import random
import signal
import threading
import time
from pathlib import Path

from tests.robustness.fork_server import ForkServer
from tests.robustness.inputs import write_set
from tests.robustness.interruptions import SIGNALS, log_rows, sidecar_problem
from tests.robustness.outcomes import judge
from tests.robustness.served import CODE, answer, start_serving
from tests.robustness.tally import DOUBLED, LOST, SILENT, Tally, count
from tests.unit.experiments.people.served_sessions import Client

N_TRIALS = 24
LOG = f"set/set_{CODE}_session-1.csv"


def post_until_death(client: Client, first: int, acknowledged: set[int]) -> None:
    """Answer one trial after another until the server is gone, and collect the trials that it acknowledged."""
    try:
        about = client.get("trials.json").json["about"]
        for trial in range(first, N_TRIALS + 1):
            reply = client.post(answer(about, trial))
            if reply.status != 200:
                return
            acknowledged.add(trial)
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return


def interrupt_session(server: ForkServer, stimuli: Path, folder: Path, rng: random.Random, tally: Tally, n: int) -> int:
    """Answer a session whose server is killed up to `n` times, and return how often it was killed."""
    acknowledged: set[int] = set()
    n_sent = 0
    while n_sent < n:
        n_sent += 1
        number = rng.choice(SIGNALS)
        running, client = start_serving(server, stimuli, folder)
        thread = threading.Thread(target=post_until_death, args=(client, len(acknowledged) + 1, acknowledged))
        if acknowledged:
            n_saved = len(log_rows(folder / "logs")[LOG])
            acknowledged |= set(range(1, n_saved + 1))  # an answer may be in the log without an acknowledgment
            thread = threading.Thread(target=post_until_death, args=(client, n_saved + 1, acknowledged))
        thread.start()
        time.sleep(rng.uniform(0, 0.3))
        running.send(number)
        outcome = running.finish()
        thread.join()
        case = f"{number.name} of a server: {outcome.describe()}"
        tally.add(judge(outcome, number), case)
        rows = log_rows(folder / "logs").get(LOG, [])
        if len(rows) < len(acknowledged):
            tally.fail(LOST, f"{len(acknowledged)} answers were acknowledged, the log has {len(rows)}; {case}")
        if number != signal.SIGKILL and (problem := sidecar_problem(folder)):
            tally.fail(SILENT, f"{problem}; {case}")
        if len(rows) == N_TRIALS:
            break
    trials = [row.split(b",")[5] for row in log_rows(folder / "logs").get(LOG, [])]
    if len(set(trials)) < len(trials):
        tally.fail(DOUBLED, f"a trial occurs twice in {folder}: {trials}")
    if trials != [b"%d" % (i + 1) for i in range(len(trials))]:
        tally.fail(LOST, f"the trials of {folder} are not consecutive: {trials}")
    return n_sent


def test_killed_servers(server: ForkServer, tally: Tally, tmp_path: Path) -> None:
    stimuli = write_set(tmp_path / "set", n=N_TRIALS)
    n_left = n = count(120, 6)
    while n_left > 0:
        folder = tmp_path / f"session-{n_left}"
        folder.mkdir()
        n_left -= interrupt_session(server, stimuli, folder, tally.rng, tally, min(n_left, 6))
    tally.check(at_least=n)
