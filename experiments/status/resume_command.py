"""The command that continues a session, made from its sidecar."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.participants import is_pilot_name, is_practice_name, participant_code
from experiments.log import SHARDS
from experiments.running.session_records import RECORDS
from experiments.seeds import session_seed
from observers.instructions import DEFAULT_INSTRUCTION, INSTRUCTIONS
from observers.people.texts.reading import DEFAULT_LANGUAGE, LANGUAGES, load_texts

# Words of commands that stand for paths, which sidecars do not contain.
MONITOR, TEXTS = "MONITOR.json", "TEXTS"
_OWN = {text: name for name, text in INSTRUCTIONS.items()}


def resume_command(path: Path, sidecar: Mapping[str, Any]) -> str | None:
    """Return the command that continues a session.

    A sidecar contains only the last part of a path, so a command with FILE.py or a local folder must be given in the folder
    that contains it. MONITOR and TEXTS stand for the monitor profile and for texts that are not those of the program.

    Args:
        path: The log, or the part log of a shard.
        sidecar: Its sidecar.

    Returns:
        The command, or None if the sidecar does not contain what is needed: the session was started from Python, by an
        earlier version, or by `import`, or its trials are practice, which `collect` starts itself.
    """
    identity, observer = sidecar.get("identity", {}), sidecar.get("identity", {}).get("observer")
    if not isinstance(observer, Mapping) or not isinstance(observer.get("options"), Mapping):
        return None
    experiment, session, seed = (identity.get(key) for key in ("experiment", "session", "seed"))
    if not isinstance(session, int) or not isinstance(seed, int) or is_practice_name(str(experiment)):
        return None
    is_part = path.parent.suffix == SHARDS
    out = path.parent.parent.parent if is_part else path.parent.parent
    common = ["--session", str(session)] if session != 1 else []
    instruction = identity.get("instruction", DEFAULT_INSTRUCTION)
    if instruction != DEFAULT_INSTRUCTION:
        common += ["--instruction", _OWN.get(instruction, str(instruction))]
    out_words = ["--out", str(out)] if out != Path("logs") else []
    if observer.get("class") in ("Participant", "WebParticipant"):
        words: list[str] | None = _people_words(observer, sidecar)
        order = (
            [] if seed == session_seed(participant_code(str(observer.get("name"))), session) else ["--seed", str(seed)]
        )
    else:
        words = _model_words(sidecar.get("spec"))
        order = ["--seed", str(seed)] if seed else []
    if words is None:
        return None
    shard = sidecar.get("shard")
    part = ["--shard", f"{shard.get('index')}/{shard.get('count')}"] if is_part and isinstance(shard, Mapping) else []
    return shlex.join(["observers", words[0], str(experiment), *words[1:], *common, *order, *part, *out_words])


def _people_words(observer: Mapping[str, Any], sidecar: Mapping[str, Any]) -> list[str]:
    """Return the command and its options for a participant at a screen or in a browser."""
    name = str(observer.get("name"))
    options, code = observer["options"], participant_code(name)
    records = sidecar.get(RECORDS, {})
    texts = [text for text in records.get("texts", ()) if isinstance(text, Mapping)]
    words = ["--participant", code, *(_text_words(texts[-1]) if texts else [])]
    if texts and texts[-1].get("consent_version") and "consent" not in records and not options.get("simulate"):
        words.append("--no-consent")
    words += ["--pilot"] if is_pilot_name(name) or options.get("pilot") is True else []
    if observer.get("class") == "WebParticipant":
        distance = options.get("distance", 60.0)
        return ["serve", *words, *([] if distance == 60.0 else ["--distance", f"{distance:g}"])]
    words = ["collect", *words, "--resume"]
    words += ["--keys"] if options.get("keys") is True else []
    words += ["--simulate", str(options["simulate"])] if options.get("simulate") else []
    provenance = sidecar.get("provenance", {})
    rate = str(provenance.get("rate", "")).partition(" ")[0]  # Participant.provenance writes the number first
    words += ["--rate", rate] if rate else []
    return words + (["--monitor", MONITOR] if "monitor" in provenance else [])


def _text_words(texts: Mapping[str, Any]) -> list[str]:
    """Return the options for the texts of a session."""
    language = str(texts.get("language", DEFAULT_LANGUAGE))
    is_own = language not in LANGUAGES or load_texts(language).sha256 != texts.get("sha256")
    words = [] if language == DEFAULT_LANGUAGE else ["--language", language]
    return words + (["--texts", TEXTS] if is_own else [])


def join_commands(commands: Iterable[str]) -> list[str]:
    """Return the different commands, with one `serve` for all participants whose commands are otherwise equal."""
    codes: dict[tuple[str, ...], list[str]] = {}  # the participant codes for each command without them
    for command in commands:
        words = tuple(shlex.split(command))
        if words[1] == "serve":  # observers serve EXPERIMENT --participant CODE …
            codes.setdefault(words[:3] + words[5:], []).append(words[4])
        else:
            codes.setdefault(words, [])
    joined = []
    for words, served in codes.items():
        participants = [word for code in dict.fromkeys(served) for word in ("--participant", code)]
        joined.append(shlex.join([*words[:3], *participants, *words[3:]]))
    return joined


def _model_words(spec: object) -> list[str] | None:
    """Return the command and its options for an observer that was made from its name, or None."""
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        return None
    words = ["run-experiment", "--observer", spec["name"]]
    for name, value in dict(spec.get("options") or {}).items():
        text = ",".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)
        words += ["-o", f"{name}={text}"]
    return words
