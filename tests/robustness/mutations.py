"""Damage the JSON files of a model at random, and test in a forked process how the damaged model behaves.

A mutation is one change of one file: of a value, a key or a list, or of the bytes. The values are those of real damage and
of attacks: numbers as text, null, other types, numbers that are far too large, misspelled keys, truncated files. The same
seed gives the same mutations.
"""

import copy
import json
import os
import random
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

RUN, SENTENCE, TRACEBACK, HANG, MEMORY, ABORT = "run", "sentence", "traceback", "hang", "memory", "abort"
ACCEPTABLE = (RUN, SENTENCE)
NAMES = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "preprocessor_config.json",
    "processor_config.json", "scheduler_config.json", "generation_config.json", "model_index.json",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 7, 0.5, -0.5, 1e308, 10**6, 10**12, -(10**12), 2**31, 2**63, 10**30, float("nan"),
    float("inf"), "", "8", "wide", "\u202e", [], {}, [1], [[]], ["a", 2], {"a": 1}, [None], "x" * 5000,
)  # fmt: skip


@frozen
class Mutation:
    """A change of one file.

    Attributes:
        file: Path of the file in the folder of the model.
        description: What was changed.
        content: The new content.
    """

    file: str
    description: str
    content: bytes


@frozen
class Outcome:
    """What a function did in a forked process.

    Attributes:
        kind: RUN, SENTENCE, TRACEBACK, HANG, MEMORY (more than the limit) or ABORT (the process was killed).
        message: The result, the sentence or the end of the traceback.
        seconds: Duration.
    """

    kind: str
    message: str
    seconds: float


def mutable_files(folder: Path) -> list[Path]:
    """Return the files of a model that are mutated, in the order of their names."""
    return sorted(path for path in folder.rglob("*.json") if path.name in NAMES)


def mutations(folder: Path, rng: random.Random) -> Iterator[Mutation]:
    """Yield an endless sequence of random mutations of the files of a model."""
    files = mutable_files(folder)
    while True:
        path = rng.choice(files)
        content = path.read_bytes()
        if rng.random() < 0.1:
            changed, description = mutate_bytes(content, rng)
        elif path.name == "tokenizer.json" and rng.random() < 0.3:
            changed, description = mutate_tokenizer(content, rng)
        else:
            value, description = mutate_json(json.loads(content), rng)
            changed = json.dumps(value).encode()
        yield Mutation(path.relative_to(folder).as_posix(), description, changed)


def mutate_json(value: Any, rng: random.Random) -> tuple[Any, str]:
    """Return a JSON value with one change, and what was changed."""
    value = copy.deepcopy(value)
    places = [place for place in _iter_places(value, "") if place[0] is not None]
    if not places:
        return rng.choice(VALUES), "the whole file"
    # Large tables, such as a vocabulary, would otherwise get nearly all of the changes.
    shallow = [place for place in places if place[3] <= 2]
    parent, key, where, _ = rng.choice(shallow if shallow and rng.random() < 0.7 else places)
    old, kind = parent[key], rng.randrange(8)
    if kind == 0 and isinstance(parent, dict):
        del parent[key]
        return value, f"{where} removed"
    if kind == 1 and isinstance(parent, dict):
        parent[f"{key}s"] = parent.pop(key)
        return value, f"{where} renamed"
    if kind == 2 and isinstance(old, int | float) and not isinstance(old, bool):
        parent[key] = rng.choice([-old, old * 2, old * 1000, old + 1, old // 2, str(old)])
    elif kind == 3 and isinstance(old, list) and old:
        parent[key] = rng.choice([old[:-1], old + old[-1:], old[::-1], old * 50, old[0]])
    elif kind == 4 and isinstance(old, str):
        parent[key] = rng.choice([old.upper(), old[:-1], f" {old}", f"{old}\0", old + "2"])
    elif kind == 5:
        parent[key] = [old] if rng.random() < 0.5 else {"value": old}
    else:
        parent[key] = copy.deepcopy(rng.choice(VALUES))
    return value, f"{where} {_shorten(old)} -> {_shorten(parent[key])}"


def mutate_tokenizer(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Return a tokenizer.json with a rule that needs much time or memory, or that refers to a token that does not exist."""
    settings = json.loads(content)
    kind = rng.randrange(5)
    if kind == 0:
        rule = {"type": "Replace", "pattern": {"Regex": "."}, "content": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}
        settings["normalizer"] = {"type": "Sequence", "normalizers": [rule] * rng.choice([2, 6, 12])}
    elif kind == 1:
        settings["padding"] = {
            "strategy": {"Fixed": rng.choice([10**6, 10**12])}, "direction": "Right", "pad_to_multiple_of": None,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "x",
        }  # fmt: skip
    elif kind == 2:
        settings["truncation"] = {"max_length": rng.choice([0, 1]), "strategy": "LongestFirst", "stride": rng.choice([0, 9]),
                                  "direction": "Right"}  # fmt: skip
    elif kind == 3:
        vocabulary = settings["model"].get("vocab")
        if isinstance(vocabulary, dict) and vocabulary:
            vocabulary[rng.choice(sorted(vocabulary))] = rng.choice([10**6, 2**32 - 1, 0])
    else:
        settings["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": "((((a*)*)*)*)*b"}, "behavior": "Isolated",
                                     "invert": False}  # fmt: skip
    names = ("nested rules", "padding", "truncation", "a number in the vocabulary", "a slow pattern")
    return json.dumps(settings).encode(), names[kind]


def mutate_bytes(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Return changed bytes of a file, and what was changed."""
    place = rng.randrange(len(content) + 1)
    return rng.choice([
        (content[:place], f"cut at byte {place}"),
        (b"", "empty"),
        (content[:place] + b"\0" + content[place:], f"NUL at byte {place}"),
        (b"\xef\xbb\xbf" + content, "byte order mark"),
        (content[:place] + b"\xff\xfe" + content[place:], f"invalid UTF-8 at byte {place}"),
        (content.decode().encode("utf-16"), "UTF-16"),
        (b"[" * 100_000, "deep nesting"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "deep objects"),
        (b"1" * 10_000, "a long number"),
        (content + content, "twice"),
        (b"null", "null"),
    ])  # fmt: skip


def _iter_places(value: Any, where: str, depth: int = 0) -> Iterator[tuple[Any, Any, str, int]]:
    """Yield (parent, key, path, depth) of all values in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        path = f"{where}.{key}" if where else str(key)
        yield value, key, path, depth
        yield from _iter_places(part, path, depth + 1)


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def run_forked(function: Callable[[], object], expected: type[Exception], seconds: float, n_bytes: int) -> Outcome:
    """Call a function in a forked process with limits on time and memory.

    Args:
        function: The function.
        expected: The class of the exceptions that are sentences for users.
        seconds: Largest duration.
        n_bytes: Largest memory in addition to that of this process.
    """
    read, write = os.pipe()
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.setsid()
        _call(function, expected, n_bytes, write)
    os.close(write)
    chunks, is_hanging = [], False
    while True:
        ready, _, _ = select.select([read], [], [], max(0, start + seconds - time.monotonic()))
        if not ready:
            is_hanging = True
            os.killpg(pid, signal.SIGKILL)
            break
        chunk = os.read(read, 1 << 16)
        if not chunk:
            break
        chunks.append(chunk)
    os.close(read)
    _, status, usage = os.wait4(pid, 0)
    duration = time.monotonic() - start
    if is_hanging:
        return Outcome(HANG, f"no end after {seconds:g} s", duration)
    if not chunks:
        return Outcome(ABORT, f"the process ended with {os.waitstatus_to_exitcode(status)}", duration)
    kind, message = json.loads(b"".join(chunks))
    if usage.ru_maxrss * 1024 > n_bytes:
        kind, message = MEMORY, f"{usage.ru_maxrss / 2**20:.1f} GB: {message}"
    return Outcome(kind, message, duration)


def _call(function: Callable[[], object], expected: type[Exception], n_bytes: int, pipe: int) -> None:
    """Call the function, write its outcome to the pipe, and end the process."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1), os.dup2(null, 2)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (4 * n_bytes, 4 * n_bytes))  # the resident memory is judged
        result = [RUN, str(function())]
    except expected as error:
        result = [SENTENCE, str(error)]
    except BaseException:
        result = [TRACEBACK, traceback.format_exc(limit=-6)]
    os.write(pipe, json.dumps(result).encode()[: 1 << 20])
    os._exit(0)
