"""Patches to look at: which are chosen, what of them is on the sheet, and where the picture goes."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.classes.drawing import IGNORED_COLORS, draw_legend
from terrazzo.classes.schema import ClassSchema
from terrazzo.cli import run
from terrazzo.errors import InputError, OutputExistsError, PatchesError
from terrazzo.evaluation.choice import choose
from terrazzo.evaluation.contact_sheet import PANEL_PX, Entry, draw_sheet, n_columns
from tests.worlds.striped import SMALL, striped_patches

SCHEMA = ClassSchema(("Building", "Land", "Road"), ((60, 16, 152), (132, 41, 246), (110, 193, 228)))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with patches/ of 32 px and a model."""
    folder = tmp_path_factory.mktemp("gallery")
    striped_patches(folder, 6)
    terrazzo.train(folder / "patches", out=folder / "run", recipe="unet", epochs=1, changes=SMALL, device="cpu")
    return folder


@pytest.fixture
def patches(world: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world / "patches", tmp_path / "patches"))


def class_pixels(seed: int, n_patches: int = 40, n_classes: int = 5) -> np.ndarray:
    """Counts in which classes grow rarer; some patches are empty, one class never occurs."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 900, (n_patches, n_classes)) * (
        rng.random((n_patches, n_classes)) < 0.6 ** np.arange(n_classes)
    )
    pixels[:, 2] = 0
    pixels[rng.random(n_patches) < 0.2] = 0
    return pixels


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [4, 7, 40, 60])
def test_every_class_is_seen_well_where_the_number_allows(seed: int, n: int) -> None:
    pixels = class_pixels(seed)
    chosen = choose(pixels, n, seed)
    assert len(set(chosen.tolist())) == len(chosen) == min(n, len(pixels))
    assert (np.diff(chosen) > 0).all()
    fullest = pixels.max(axis=0)
    assert (2 * pixels[chosen].max(axis=0) >= fullest).all()
    not_empty = (pixels.sum(axis=1) > 0).sum()
    assert (pixels[chosen].sum(axis=1) > 0).sum() == min(n, not_empty)


def test_rare_classes_go_first_where_the_number_does_not_allow_all() -> None:
    pixels = np.array([[9, 0, 0], [9, 0, 0], [9, 5, 0], [9, 5, 0], [9, 0, 1]])
    assert choose(pixels, 1, seed=0).tolist() == [4]
    assert 4 in choose(pixels, 2, seed=0)


def test_the_choice_follows_from_the_seed() -> None:
    pixels = class_pixels(0)
    assert choose(pixels, 6, 1).tolist() == choose(pixels, 6, 1).tolist()
    assert len({tuple(choose(pixels, 6, seed)) for seed in range(5)}) > 1


def entry(height: int, width: int, *maps: np.ndarray) -> Entry:
    return Entry("north/a.jpg", np.full((height, width, 3), 200, np.uint8), maps)


def test_a_sheet_holds_the_panels_with_exactly_the_class_colours() -> None:
    truth = np.array([[0, 1, 2], [2, 255, 1]], np.uint8)
    sheet = np.asarray(draw_sheet("t", ("image", "truth"), [entry(2, 3, truth)], SCHEMA))
    factor = PANEL_PX // 3
    corner = np.argwhere((sheet == SCHEMA.colors[0]).all(axis=2)).min(axis=0)
    panel = sheet[corner[0] : corner[0] + 2 * factor, corner[1] : corner[1] + 3 * factor]
    shown = panel.reshape(2, factor, 3, factor, 3).transpose(0, 2, 1, 3, 4).reshape(2, 3, -1, 3)
    for row, col in np.argwhere(truth != 255):
        assert (shown[row, col] == SCHEMA.colors[truth[row, col]]).all()
    assert {tuple(color) for color in shown[1, 1].tolist()} <= set(IGNORED_COLORS)
    photo = sheet[corner[0] : corner[0] + 2 * factor, corner[1] - 3 * factor - 4 : corner[1] - 4]
    assert (photo == 200).all()


def test_large_class_maps_shrink_without_new_colours() -> None:
    truth = (np.indices((700, 300)).sum(axis=0) // 7 % 3).astype(np.uint8)
    sheet = np.asarray(draw_sheet("t", ("image", "truth"), [entry(700, 300, truth)], SCHEMA))
    corner = np.argwhere((sheet == SCHEMA.colors[0]).all(axis=2)).min(axis=0)
    panel = sheet[corner[0] : corner[0] + 220, corner[1] : corner[1] + 90].reshape(-1, 3)
    assert {tuple(color) for color in panel.tolist()} == set(SCHEMA.colors)


def test_the_legend_names_the_ignored_pixels_where_there_are_some() -> None:
    plain, striped = draw_legend(SCHEMA), draw_legend(SCHEMA, ignored=True)
    assert striped.height > plain.height
    below = np.asarray(striped)[plain.height - 16 :].reshape(-1, 3)
    assert set(IGNORED_COLORS) <= {tuple(color) for color in below.tolist()}


@pytest.mark.parametrize(("cells", "aspect", "columns"), [(1, 2.0, 1), (12, 2.0, 3), (8, 3.0, 2), (4, 1.5, 2)])
def test_the_grid_comes_nearest_to_three_by_two(cells: int, aspect: float, columns: int) -> None:
    assert n_columns(cells, aspect) == columns


def test_a_preview_lies_beside_the_folder_and_is_kept(patches: Path) -> None:
    before = {path: path.read_bytes() for path in patches.rglob("*")}
    first = terrazzo.show(patches, n=5)
    assert first.path == patches.parent / "patches_preview.png"
    assert len(first.shown) == 5
    assert not first.kept
    assert first._repr_png_() == first.path.read_bytes()
    with Image.open(io.BytesIO(first._repr_png_())) as sheet:
        assert {color for _, color in sheet.convert("RGB").getcolors(1 << 24)} >= {
            (255, 0, 0),
            (0, 255, 0),
            (0, 0, 255),
        }
    again = terrazzo.show(patches, n=5)
    assert (again.shown, again.kept) == (first.shown, True)
    assert {path: path.read_bytes() for path in patches.rglob("*")} == before


def test_another_choice_is_in_the_way_of_none(patches: Path, tmp_path: Path) -> None:
    terrazzo.show(patches, n=5)
    with pytest.raises(OutputExistsError, match=r"patches_preview\.png: is in the way.*--overwrite"):
        terrazzo.show(patches, n=4)
    assert len(terrazzo.show(patches, n=4, overwrite=True).shown) == 4
    assert terrazzo.show(patches, n=3, out=tmp_path / "three.png").path == tmp_path / "three.png"


def test_predictions_are_those_of_the_model(world: Path, patches: Path) -> None:
    model = world / "run" / "model.safetensors"
    done = terrazzo.show(patches, model=model, n=2, device="cpu", precision="32")
    assert done.path == patches.parent / "patches_predictions.png"
    opened = terrazzo.patches.folder.open_patches(patches)
    assert set(done.shown) <= set(opened.rows("val").tolist())
    bundle = terrazzo.load(model, device="cpu", precision="32")
    sheet = np.asarray(Image.open(done.path))
    for row in done.shown:
        predicted = opened.schema.decode(bundle.predict(np.array(opened.images[row]))[0])
        assert contains(sheet, np.repeat(np.repeat(predicted, 7, axis=0), 7, axis=1))


def contains(sheet: np.ndarray, panel: np.ndarray) -> bool:
    """Whether the panel is somewhere on the sheet."""
    height, width = panel.shape[:2]
    starts = np.argwhere((sheet[: -height + 1, : -width + 1] == panel[0, 0]).all(axis=2))
    return any((sheet[row : row + height : 5, col : col + width : 5] == panel[::5, ::5]).all() for row, col in starts)


REFUSED = {
    "none": ({"n": 0}, InputError, "--n 0: expected 1 to 100 patches"),
    "too many": ({"n": 101}, InputError, "--n 101: expected 1 to 100 patches"),
    "another side": ({"split": "valid"}, PatchesError, "--split valid: expected train, val, test"),
    "an empty side": ({"split": "test"}, PatchesError, "its split test has no patches"),
    "another format": ({"out": "sheet.jpg"}, InputError, r"--out sheet\.jpg: expected the name of a \.png file"),
    "inside the patches": ({"out": "patches/sheet.png"}, InputError, "lies in the folder of the patches"),
    "no model": ({"model": "lost.safetensors"}, InputError, "lost.safetensors"),
    "a device that there is not": ({"device": "tpu"}, InputError, "--device tpu"),
}


@pytest.mark.parametrize(("options", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_shown_is_refused(
    options: dict, error: type[Exception], words: str, patches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(patches.parent)
    before = set(patches.parent.rglob("*"))
    with pytest.raises(error, match=words):
        terrazzo.show("patches", **options)
    assert set(patches.parent.rglob("*")) == before


def test_the_command_prints_what_it_wrote_and_what_comes_next(
    world: Path, patches: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(patches.parent)
    assert run(["show", "patches", "--n", "4"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote patches_preview.png",
        "next: terrazzo train patches --recipe best --out runs/first",
    ]
    model = world / "run" / "model.safetensors"
    assert run(["show", "patches", "--n", "4", "--model", str(model), "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "wrote patches_predictions.png"
    assert lines[1].startswith(f"next: terrazzo evaluate {model} patches --out ")


def test_results_show_themselves_in_notebooks(world: Path, patches: Path) -> None:
    kept = terrazzo.train(world / "patches", out=world / "run", recipe="unet", epochs=1, changes=SMALL, device="cpu")
    assert kept.kept
    assert kept._repr_png_() == (world / "run" / "curves.png").read_bytes()
    scored = terrazzo.evaluate(world / "run" / "model.safetensors", patches, device="cpu")
    assert scored._repr_html_().startswith("<pre>")
    assert "mean IoU" in scored._repr_html_()
    assert "6 images" in terrazzo.prepare(world / "data", out=world / "patches", patch_size=32)._repr_html_()
    (world / "data" / "masks" / "p<3>.png").write_bytes(b"no mask")
    assert "p&lt;3&gt;" in terrazzo.inspect(world / "data", patch_size=32)._repr_html_()
