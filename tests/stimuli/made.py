"""Sets made in tests."""

from typer.testing import CliRunner

from cli import app
from stimuli.distorted_set import make, order


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def made_of(plan, images, out, levels=(), *, crossed=False, workers=1):
    return make(order(plan, images, out, levels, crossed=crossed), workers=workers)


def cli(*words):
    return CliRunner().invoke(app, [str(word) for word in words])
