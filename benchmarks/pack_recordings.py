"""Pack the logs of the microcosm's observers into the recordings that come with the installation.

    python benchmarks/pack_recordings.py benchmarks/cache/microcosm/logs
    python benchmarks/pack_recordings.py study/logs --study

`benchmarks/microcosm.py` writes the logs, and `python -m observers.microcosm.training.study` the logs for `--study`, which
are packed without the evidence. `stimuli/published/included.py` describes the files. All observers of an
experiment get the same trials: those that all of them have answered. An experiment is skipped if an observer has not
answered a trial of it. With `--partial`, the number of trials is instead chosen so that the number of trials times
the number of observers is as large as possible, and observers with fewer trials are omitted with a message. The evidence is
rounded. The same logs give the same bytes.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.atomic import write_atomically
from core.errors import UserError
from core.trial_columns import EVIDENCE
from experiments.log import check_hashed_rows, read_sidecar
from experiments.sets.catalog import EXPERIMENTS
from experiments.sets.registry import make_experiment
from observers.catalog.microcosm import MICROCOSM
from stimuli.published.included import FOLDERS, SUFFIX, WEIGHTS

EVIDENCE_DIGITS = 4  # significant digits
OF_EXPERIMENT = ("experiment", "session", "seed", "choices", "presentation", "instruction", "stimuli", "n_blocks")


def microcosm_experiments() -> list[str]:
    """Return the names of the sixteen experiments."""
    return [name for name in EXPERIMENTS if name.startswith("microcosm") and name != "microcosm-ambiguous"]


def read_log(logs: Path, experiment: str, observer: str) -> tuple[list[list[str]], dict[str, Any]] | None:
    """Return the rows (with the header) and the sidecar of a log that may still be growing; None if it does not exist.

    Raises LogError if the rows differ from those that the sidecar describes.
    """
    path = logs / experiment / f"{experiment}_{observer}_session-1.csv"
    sidecar = read_sidecar(path) if path.is_file() else None
    if sidecar is None:
        return None
    content = check_hashed_rows(path, sidecar)
    complete = content[: content.rfind(b"\n") + 1].decode()
    return list(csv.reader(io.StringIO(complete, newline=""))), sidecar


def choose_n_trials(counts: list[int]) -> int:
    """Return the number of trials for which the number of trials times the number of observers is largest."""
    return max(counts, key=lambda n: (n * sum(count >= n for count in counts), n))


def study_observers(logs: Path, experiment: str) -> list[str]:
    """Return the names of the models of the study of shape bias that have answered trials of an experiment."""
    paths = sorted((logs / experiment).glob(f"{experiment}_study-*_session-1.csv"))
    return [path.name.removeprefix(f"{experiment}_").removesuffix("_session-1.csv") for path in paths]


def pack_experiment(
    logs: Path,
    experiment: str,
    out: Path,
    *,
    observers: Sequence[str] = tuple(row.name for row in MICROCOSM),
    partial: bool = False,
    has_evidence: bool = True,
) -> str:
    """Write the recording of one experiment, and return a line that says what it contains."""
    logged = {name: log for name in observers if (log := read_log(logs, experiment, name)) and len(log[0]) > 1}
    if not logged:
        return f"{experiment}: no logs"
    counts = [len(rows) - 1 for rows, _ in logged.values()]
    if not partial and len(counts) < len(observers):
        return f"{experiment}: skipped, because only {len(counts)} of {len(observers)} observers have answered trials of it"
    n_trials = choose_n_trials(counts) if partial else min(counts)
    used = {name: log for name, log in logged.items() if len(log[0]) > n_trials}
    size = write_recording(experiment, used, n_trials, set(used), out, has_evidence=has_evidence) >> 10
    omitted = [name for name in observers if name not in used]
    missing = f", without {', '.join(omitted)}" if omitted else ""
    n_all = next(iter(used.values()))[1]["identity"]["n_trials"]
    return f"{experiment}: {n_trials} of {n_all} trials of {len(used)} observers{missing}, {size} KiB"


def write_recording(
    experiment: str,
    used: Mapping[str, tuple[list[list[str]], dict[str, Any]]],
    n_trials: int,
    models: set[str],
    out: Path,
    *,
    has_evidence: bool = True,
) -> int:
    """Write the first trials of the logs of one experiment as one compressed log with a sidecar.

    Args:
        experiment: Name of the experiment.
        used: Rows (with the header) and sidecar of each observer, by its name.
        n_trials: Number of trials of each observer.
        models: Names of the included models whose weights the observers use.
        out: Folder of the two files.
        has_evidence: Whether the recording contains the evidence.

    Returns:
        The size of the compressed log in bytes.

    Raises:
        UserError: If the logs belong to different versions of the experiment, or to other images than this version draws.
    """
    identities = [sidecar["identity"] for _, sidecar in used.values()]
    shared = {key: identities[0].get(key) for key in OF_EXPERIMENT}
    for name, identity in zip(used, identities, strict=True):
        if {key: identity.get(key) for key in OF_EXPERIMENT} != shared:
            raise UserError(f"{name} ran another version of {experiment} than {next(iter(used))}: run both again")
    if make_experiment(experiment).stimuli.digest() != shared["stimuli"]:
        raise UserError(f"the logs of {experiment} were made with other images than this version draws: run them again")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    header = next(iter(used.values()))[0][0]
    is_evidence = [name.startswith(EVIDENCE) for name in header]
    kept = [i for i in range(len(header)) if has_evidence or not is_evidence[i]]
    writer.writerow([header[i] for i in kept])
    for rows, _ in used.values():
        if rows[0] != header:
            raise UserError(f"the logs of {experiment} have different columns")
        for row in rows[1 : n_trials + 1]:
            writer.writerow([_round(row[i]) if is_evidence[i] and row[i] else row[i] for i in kept])
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", mtime=0, compresslevel=9) as file:
        file.write(text.getvalue().encode())
    first = next(iter(used.values()))[1]
    content = {
        "format": first["format"],
        "status": "complete",
        "identity": shared,
        "provenance": {},
        "environment": first["environment"],
        "recording": {
            "csv_sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
            "evidence_digits": EVIDENCE_DIGITS,
            "n_trials": n_trials,
            "n_all_trials": identities[0]["n_trials"],
            "images": EXPERIMENTS[experiment].cached,
            "weights": weight_digests(models),
        },
        "observers": {
            name: {
                "identity": sidecar["identity"]["observer"],
                "provenance": sidecar["provenance"],
                "environment": sidecar["environment"],
                "devices": sidecar.get("devices", []),
            }
            for name, (_, sidecar) in used.items()
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / f"{experiment}{SUFFIX}", buffer.getvalue())
    write_atomically(out / f"{experiment}.json", (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    return len(buffer.getvalue())


def _round(cell: str) -> str:
    return f"{float(cell):.{EVIDENCE_DIGITS}g}"


def weight_digests(observers: set[str]) -> dict[str, str]:
    """Return the SHA-256 of every file with weights of some observers, by its path below the folder of the weights."""
    folders = {str(row.options["model"]) for row in MICROCOSM if row.name in observers}
    files = sorted(path for folder in folders for path in (WEIGHTS / folder).rglob("*.safetensors"))
    return {path.relative_to(WEIGHTS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    """Pack all experiments."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("logs", type=Path, help="folder of the logs")
    parser.add_argument("--out", type=Path, help="folder (default: that of the installed recordings)")
    parser.add_argument("--study", action="store_true", help="pack the logs of the study of shape bias")
    parser.add_argument("--partial", action="store_true", help="omit observers with few trials instead of other trials")
    options = parser.parse_args()
    out = options.out or FOLDERS["microcosm-study" if options.study else "microcosm"]
    for experiment in microcosm_experiments():
        if options.study:
            observers = study_observers(options.logs, experiment)
            if not observers:
                continue
            line = pack_experiment(
                options.logs, experiment, out, observers=observers, partial=options.partial, has_evidence=False
            )
        else:
            line = pack_experiment(options.logs, experiment, out, partial=options.partial)
        print(line, flush=True)
    total = sum(path.stat().st_size for path in out.iterdir())
    print(f"{out}: {total / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
