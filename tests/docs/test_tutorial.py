"""The tutorial: a notebook without outputs that runs from its first cell to its last and shows what it says."""

import json
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorial.ipynb"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel of this interpreter under the name python3, whatever is installed for the user or the system."""
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "test", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")


def test_the_notebook_is_valid_and_carries_no_outputs_and_no_paths_of_a_machine() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    assert not re.search(
        r"[\"' ]/(home|root|Users|tmp|work|content)\b|[A-Z]:\\\\", NOTEBOOK.read_text(encoding="utf-8")
    )
    # Colab has no terrazzo; where it is installed, nothing is fetched.
    first = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert re.search(r'if importlib\.util\.find_spec\("terrazzo"\) is None:.*\n    %pip install', first)
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == kinds[-1] == "markdown"


def shown(notebook: nbformat.NotebookNode, code: str) -> dict[str, str]:
    """What the cell with that code displays, by kind."""
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and code in cell.source]
    found = {"stream": "".join(output.text for output in cell.outputs if output.output_type == "stream")}
    for output in cell.outputs:
        found |= output.get("data", {})
    return found


@pytest.mark.usefixtures("kernel")
def test_the_tutorial_runs_and_shows_curves_scores_patches_and_maps(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = tmp_path / "notebook"
    folder.mkdir()
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    assert "Vegetation" in shown(notebook, "terrazzo.inspect(")["text/html"]
    assert "96 patches to train on" in shown(notebook, "terrazzo.train(")["stream"]
    for code in ('terrazzo.show("patches", n=6)', "model=run.model, n=4", "Image.open(overlay)"):
        assert "image/png" in shown(notebook, code), code
    assert next(cell for cell in notebook.cells if cell.source == "run").outputs[0].data["image/png"]
    scores = shown(notebook, "terrazzo.evaluate(")["text/html"]
    accuracy = re.search(r"accuracy (0\.\d+)", scores)
    assert accuracy is not None
    assert float(accuracy[1]) > 0.6  # the commonest class has 0.41 of the pixels
    building = re.search(r"Building +(0\.\d+)", scores)
    assert building is not None
    assert float(building[1]) > 0.2  # IoU: the example must find what people look for first
    assert "probabilities (5, " in shown(notebook, "sum to")["stream"]
    assert "that sum to 1.000" in shown(notebook, "sum to")["stream"]
    assert {"model.h5", "maps", "patches_preview.png", "patches_predictions.png"} <= {
        path.name for path in folder.iterdir()
    }
