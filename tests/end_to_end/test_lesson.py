"""The lesson docs/teaching/shape-or-texture.ipynb runs from top to bottom, without a network and without recorded people."""

import ast
import asyncio
import json
from importlib import import_module
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "teaching" / "shape-or-texture.ipynb"
TIME_LIMIT = 1800  # seconds until a notebook that hangs is stopped
# Seconds of processor time for all cells, which need about 100. Unlike the duration, they do not depend on other programs.
MAX_PROCESSOR_TIME = 300
# Runs before the first cell, so that no cell can reach another computer; the kernel itself talks to the test on 127.0.0.1.
NO_NETWORK = """
import socket
_connect = socket.socket.connect
def _connect_locally(self, address):
    if isinstance(address, tuple) and address[0] != "127.0.0.1":
        raise AssertionError(f"a cell connects to {address}")
    return _connect(self, address)
socket.socket.connect = _connect_locally
"""
# Runs after the last cell, and prints the values that the tests check.
VALUES = """
import json, time
print(json.dumps({
    "processor_time": time.process_time(),
    "loss": curve["training loss"].tolist(),
    "new_icons": curve["accuracy, new icons"].tolist(),
    "n_trials": len(trials),
    "n_new": len(mine),
    "n_kappas": len(mine_first),
    "observers": sorted(everyone["observer"].unique()),
    "by_agreement": by_agreement[["agreement", "n_conflict", "shape_bias", "low", "high"]].to_dict("list"),
}))
"""


def code_cells():
    """Source of every code cell by the id of the cell."""
    return {cell["id"]: cell["source"] for cell in nbformat.read(NOTEBOOK, 4).cells if cell["cell_type"] == "code"}


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook with its outputs, and the values that the last cell prints."""
    notebook = nbformat.read(NOTEBOOK, 4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(NO_NETWORK))
    notebook.cells.append(nbformat.v4.new_code_cell(VALUES))
    folder = tmp_path_factory.mktemp("lesson")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBSERVERS_DATA", str(folder / "no data"))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
        asyncio.run(asyncio.wait_for(client.async_execute(), TIME_LIMIT))
    return notebook, json.loads(notebook.cells[-1]["outputs"][0]["text"])


def test_the_network_learns_and_responds_to_all_trials(executed):
    _, values = executed
    assert len(values["loss"]) == len(values["new_icons"]) == 8
    assert values["loss"][-1] < 0.2 * values["loss"][0]
    assert values["new_icons"][-1] > 0.5  # chance is 1/16
    assert values["n_trials"] == 512
    assert values["n_new"] == 210
    assert len(values["observers"]) == 8 and values["n_kappas"] == 7


def test_all_cells_together_take_a_few_minutes(executed):
    assert executed[1]["processor_time"] < MAX_PROCESSOR_TIME


def test_shape_bias_rises_when_the_texture_is_unreliable(executed):
    table = pd.DataFrame(executed[1]["by_agreement"])
    assert table["agreement"].tolist() == [1, 0.75, 0.5]
    assert set(table["n_conflict"]) == {196}
    assert (table["low"] < table["shape_bias"]).all() and (table["shape_bias"] < table["high"]).all()
    assert table["low"].min() >= 0 and table["high"].max() <= 1
    always, *unreliable = table["shape_bias"]
    assert 0.2 < always < 0.75 and min(unreliable) > always + 0.1


def test_cells_show_figures_and_no_warnings(executed):
    outputs = [output for cell in executed[0].cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 9
    text = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    assert text.count("yes - ") == 8 and "NO (" not in text
    assert "The recorded responses are not on this computer" in text and "run `observers fetch humans`" in text


def test_recorded_people_are_shown_if_they_are_on_the_computer(small_data, monkeypatch):
    cells, tables = code_cells(), []
    definitions = [node for node in ast.parse(cells["comparison"]).body if isinstance(node, ast.FunctionDef)]
    names = {}
    exec(cells["imports"].replace("torch.set_num_threads", "# "), names)
    names["display"] = tables.append
    exec(compile(ast.Module(definitions, []), "comparison", "exec"), names)
    monkeypatch.chdir(small_data)
    exec(cells["people-or-published"], names)
    assert tables[0]["observer"].tolist() == ["subject-01", "subject-02"]
    assert tables[0]["shape_bias"].str.fullmatch(r"[01]\.\d\d \[[01]\.\d\d, [01]\.\d\d\]").all()


def test_the_notebook_is_stored_without_outputs_and_uses_the_public_api():
    notebook = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"]] == []
    nodes = [node for cell in code for node in ast.walk(ast.parse(cell["source"]))]
    imported = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imported if (ROOT / node.module.split(".")[0]).is_dir()]
    assert {node.module for node in ours} == {"analysis", "experiments", "observers", "stimuli"}
    for node in ours:
        assert {alias.name for alias in node.names} <= set(import_module(node.module).__all__)
