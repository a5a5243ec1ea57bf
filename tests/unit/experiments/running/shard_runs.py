"""Run the shards of a session, and edit their sidecars."""

import json

from experiments.running.session import run
from tests.unit.experiments.logs import sidecar


def run_shards(experiment, observer, folder, indices=(1, 2, 3, 4), count=4, **options):
    return [run(experiment, observer, folder, shard=(index, count), **options) for index in indices]


def edit(part, **changes):
    facts = sidecar(part)
    part.with_suffix(".json").write_text(json.dumps(facts | changes))
