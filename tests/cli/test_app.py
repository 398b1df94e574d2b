"""The command line: what each command prints, and a table of bad input.

Every refusal is one line on stderr with exit code 2 (1 where only a part failed), no traceback, nothing half-written.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.cli import output, run
from terrazzo.scenes.synthetic import write_world
from tests.worlds.striped import SMALL, TABLE, striped_patches

MODEL = "run/model.safetensors"
SETTINGS = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/, patches/, run/ and a picture, all good."""
    folder = tmp_path_factory.mktemp("cli")
    striped_patches(folder, 6)
    terrazzo.train(folder / "patches", out=folder / "run", recipe="unet", epochs=1, changes=SMALL, device="cpu")
    shutil.copy(folder / "data" / "images" / "p0.png", folder / "photo.png")
    return folder


@pytest.fixture
def copy(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the world that a test may spoil, as the working directory."""
    shutil.copytree(world, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


def test_the_whole_way_by_the_commands_that_it_prints(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    (copy / "classes.csv").write_text(TABLE)
    assert run(["inspect", "data", "--patch-size", "32"]) == 0
    command = next_of(capsys)
    assert command[:3] == ["terrazzo", "prepare", "data"]
    assert run([*command[1:-1], "new", "--patch-size", "32"]) == 0
    command = next_of(capsys)
    assert command[:3] == ["terrazzo", "train", "new"]
    assert run(["train", "new", "--recipe", "unet", "--epochs", "1", "--out", "first", *SETTINGS]) == 0
    command = next_of(capsys)
    assert command[:3] == ["terrazzo", "evaluate", "first/model.safetensors".replace("/", os.sep)]
    assert run(command[1:]) == 0
    out = capsys.readouterr().out
    assert "wrote" in out
    command = shlex.split(out.splitlines()[-1].removeprefix("next: "))
    assert run(["photo.png" if word == "IMAGE" else word for word in command[1:]]) == 0
    assert (copy / "maps" / "photo_classes.png").is_file()
    assert (copy / "first" / "report" / "report.html").is_file()


def test_inspect_hands_its_options_on_to_prepare(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "data" / "masks" / "p3.png").unlink()
    shutil.copy(copy / "data" / "classes.csv", copy / "mine.csv")
    options = "--classes mine.csv --unpaired skip --ignore-class lake --patch-size 32 --fit pad --downsample 2.0"
    assert run(["inspect", "data", *options.split()]) == 0
    command = next_of(capsys)
    assert " ".join(command) == f"terrazzo prepare data {options} --out patches"
    assert run([*command[1:-1], "new"]) == 0


def next_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    import shlex

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("next: ")
    return shlex.split(last.removeprefix("next: "))


def test_json_stands_alone_on_stdout(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "data", "--json", "--patch-size", "32"]) == 0
    assert json.loads(capsys.readouterr().out)["n_scenes"] == 6
    assert run(["inspect", "run/model.safetensors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["patch_size"] == 32
    assert run(["evaluate", "run/model.safetensors", "patches", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert {"accuracy", "mean_iou", "mean_iou_interval", "mean_dice", "kappa", "loss", "jaccard_soft_micro"} <= set(
        scores
    )
    assert list(scores["iou"]) == ["roof", "road", "lake"]


@pytest.mark.parametrize(
    "command",
    [
        "inspect data --patch-size 32",
        "prepare data --patch-size 32 --out new",
        "recipes",
        f"predict {MODEL} photo.png --out new",
        "synthesize new --images 1 --height 64 --width 64",
    ],
)
def test_quiet_prints_nothing_but_errors(command: str, copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")
    assert "new" not in command or (copy / "new").is_dir()
    assert run([*command.replace("data", "nowhere").replace("photo", "lost").split(), "-q", "--no-such-option"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("terrazzo: error: ")


def test_an_empty_value_is_refused_by_its_flag(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", MODEL, "", "--out", "maps"]) == 2
    assert run(["prepare", "data", "--out", ""]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "terrazzo: error: INPUTS: is empty; give a value, or leave it out"
    assert second == "terrazzo: error: --out: is empty; give a value, or leave it out"


def test_quiet_does_not_hide_why_inspect_refuses(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "data", "--patch-size", "512", "-q"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("terrazzo: error: prepare would refuse this: ")


def test_only_maps_of_this_run_are_listed(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(copy / "photo.png", copy / "other.png")
    assert run(["predict", MODEL, "other.png", "--out", "maps"]) == 0
    capsys.readouterr()
    shutil.rmtree(copy / "maps" / "other_classes.png", ignore_errors=True)
    assert run(["predict", MODEL, "photo.png", "other.png", "--out", "maps"]) == 0
    out = capsys.readouterr().out
    assert "photo_overlay.jpg" in out
    assert "other_overlay.jpg" not in out


def test_quiet_and_json_contradict_each_other(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "data", "--json", "--quiet"]) == 2
    assert "--quiet: leaves nothing of --json" in capsys.readouterr().err


def test_inspect_exits_1_where_prepare_would_refuse(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "data" / "masks" / "p3.png").unlink()
    assert run(["inspect", "data", "--patch-size", "32"]) == 1
    err = capsys.readouterr().err.strip().splitlines()
    assert "p3.png" in err[-1]
    assert run(["prepare", "data", "--patch-size", "32", "--out", "new"]) == 2


@pytest.mark.parametrize("command", ["prepare data --patch-size 32 --out new", "synthesize new", "inspect data"])
def test_ctrl_c_exits_130_with_one_line_and_leaves_nothing(
    copy: Path, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("terrazzo.patches.write_patches.write_folder_beside", stop)
    monkeypatch.setattr("terrazzo.scenes.synthetic.write.render", stop)
    monkeypatch.setattr("terrazzo.scenes.inspection.census", stop)
    assert run(command.split()) == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith("terrazzo: error: stopped by Ctrl-C; nothing half-")
    assert not (copy / "new").exists()


def test_finished_outputs_are_kept_by_every_command(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = (
        ["prepare", "data", "--patch-size", "32", "--out", "patches"],
        ["evaluate", "run/model.safetensors", "patches", "--out", "report"],
        ["predict", "run/model.safetensors", "photo.png", "--out", "maps"],
        ["show", "patches", "--n", "4"],
        ["synthesize", "world", "--images", "2", "--height", "60", "--width", "80"],
        ["synthesize", "world.zip", "--zip", "--images", "2", "--height", "60", "--width", "80"],
        ["train", "patches", "--recipe", "unet", "--epochs", "1", "--device", "cpu", "--out", "run", *SETTINGS],
    )
    for words in commands:
        assert run(words) == 0, words
        capsys.readouterr()
        before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
        assert run(words) == 0
        assert "kept" in capsys.readouterr().out
        assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def damage_mask(world: Path) -> None:
    mask = world / "data" / "masks" / "p2.png"
    pixels = np.array(Image.open(mask))
    pixels[5, 7] = (9, 9, 9)
    Image.fromarray(pixels).save(mask)


def truncate(name: str) -> Callable[[Path], None]:
    def act(world: Path) -> None:
        path = world / name
        path.write_bytes(path.read_bytes()[:-40])

    return act


def write(name: str, text: str) -> Callable[[Path], None]:
    def act(world: Path) -> None:
        (world / name).parent.mkdir(parents=True, exist_ok=True)
        (world / name).write_text(text)

    return act


def shrink_mask(world: Path) -> None:
    mask = world / "data" / "masks" / "p1.png"
    Image.open(mask).resize((50, 50), Image.Resampling.NEAREST).save(mask)


def another_class(world: Path) -> None:
    table = world / "data" / "classes.csv"
    table.write_text(table.read_text().replace("lake", "swamp"))
    terrazzo.prepare(world / "data", out=world / "two", patch_size=32)


def nothing(world: Path) -> None:
    """The world is good; the command is not."""


def drone_without_table(w: Path) -> None:
    write_world(w / "drone", layout="semantic-drone", n_images=1, size=(40, 50))
    (w / "drone" / "class_dict_seg.csv").unlink()


def cityscapes_with_id_34(w: Path) -> None:
    write_world(w / "city", layout="cityscapes", n_images=3, size=(40, 50))
    mask = next((w / "city/gtFine/train/bochum").glob("*_labelIds.png"))
    ids = np.array(Image.open(mask))
    ids[5, 7] = 34
    Image.fromarray(ids).save(mask)


BAD: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "no such data": (nothing, "prepare nowhere --out new", "nowhere"),
    "no such command": (nothing, "prepair data --out new", "prepair"),
    "no such option": (nothing, "prepare data --out new --pach-size 32", "--pach-size"),
    "an option without its value": (nothing, "prepare data --out", "--out"),
    "no --out": (nothing, "prepare data", "--out"),
    "a number that is none": (nothing, "prepare data --out new --patch-size big", "--patch-size"),
    "a patch size of 0": (nothing, "prepare data --out new --patch-size 0", "--patch-size"),
    "an unknown layout": (nothing, "prepare data --out new --layout heap", "heap"),
    "a drone data set without its table": (
        drone_without_table,
        "prepare drone --out new --patch-size 32",
        "class_dict_seg.csv",
    ),
    "a mask with id 34": (
        cityscapes_with_id_34,
        "prepare city --out new --patch-size 32",
        "bochum_000001_000019_gtFine_labelIds.png: 1 pixel of id 34",
    ),
    "a scale below 1": (nothing, "prepare data --out new --downsample 0.5", "--downsample 0.5"),
    "an unknown policy": (nothing, "prepare data --out new --unknown maybe", "--unknown maybe"),
    "an unknown fit": (nothing, "prepare data --out new --fit squeeze", "--fit squeeze"),
    "an unknown split": (nothing, "prepare data --out new --split tile", "--split tile"),
    "a share above 1": (nothing, "prepare data --out new --val 1.5", "--val 1.5"),
    "a seed below 0": (nothing, "prepare data --out new --patch-size 32 --seed -1", "--seed -1"),
    "patches in place of their images": (
        nothing,
        "prepare data --out data/images --patch-size 32 --overwrite",
        "choose another --out",
    ),
    "patches in place of what is above their images": (
        nothing,
        "prepare data --out . --patch-size 32 --overwrite",
        "choose another --out",
    ),
    "a class table that is not there": (nothing, "prepare data --out new --classes lost.csv", "lost.csv"),
    "a class table without colours": (
        write("bad.csv", "name\nroof\n"),
        "prepare data --out new --classes bad.csv",
        "bad.csv",
    ),
    "a class to ignore that there is not": (nothing, "prepare data --out new --ignore-class sea", "sea"),
    "an empty folder": (lambda w: (w / "void").mkdir(), "prepare void --out new", "void"),
    "a colour in no class": (damage_mask, "prepare data --out new --patch-size 32", "p2.png"),
    "a mask of another size": (shrink_mask, "prepare data --out new --patch-size 32", "p1.png"),
    "a truncated image": (truncate("data/images/p4.png"), "prepare data --out new --patch-size 32", "p4.png"),
    "an empty mask file": (write("data/masks/p5.png", ""), "prepare data --out new --patch-size 32", "p5.png"),
    "a zip that is none": (write("data.zip", "PK no"), "prepare data.zip --out new", "data.zip"),
    "something else in the way": (nothing, "prepare data --out run --patch-size 32", "--overwrite"),
    "another world in the way": (nothing, "synthesize data --images 1", "--overwrite"),
    "a world of no images": (nothing, "synthesize new --images 0", "0 images"),
    "a file in the way": (nothing, "prepare data --out photo.png --patch-size 32", "photo.png"),
    "patches that are none": (nothing, "train data --out new", "data"),
    "patches without index": (lambda w: (w / "patches/index.csv").unlink(), "train patches --out new", "index.csv"),
    "an unknown recipe": (nothing, "train patches --recipe unet-resnet35 --out new", "unet-resnet35"),
    "an unknown recipe to print": (nothing, "recipes unet-resnet35", "unet-resnet35"),
    "an unknown recipe to prepare by": (nothing, "prepare data --out new --recipe unet-resnet35", "unet-resnet35"),
    "a data set to train on that is none": (lambda w: (w / "void").mkdir(), "train void --out new", "void"),
    "a zip to train on that is none": (write("data.zip", "PK no"), "train data.zip --out new", "data.zip"),
    "figures that compare with nothing": (
        write("r.yaml", "published: {figures: {iou: {value: 0.5, how: unknown}}}\n"),
        "train patches --recipe r.yaml --out new",
        "published.source",
    ),
    "a recipe with an unknown field": (
        write("r.yaml", "model: {depth: 3}\n"),
        "train patches --recipe r.yaml --out new",
        "model.depth",
    ),
    "a recipe that is no YAML": (write("r.yaml", "a: [b\n"), "train patches --recipe r.yaml --out new", "r.yaml"),
    "a bad value by --set": (nothing, "train patches --out new --set optimizer.lr=fast", "optimizer.lr"),
    "an unknown loss": (nothing, "train patches --out new --set loss.terms=hinge", "hinge"),
    "an unknown encoder": (nothing, "train patches --out new --set model.encoder=resnet43", "resnet43"),
    "an infinite learning rate": (nothing, "train patches --out new --set optimizer.lr=.inf", "optimizer.lr"),
    "a stage without epochs": (
        nothing,
        'train patches --out new --epochs 4 --set stages=[{"size":16}]',
        "stages.0.epochs: field required",
    ),
    "stages that are none": (nothing, "train patches --out new --epochs 4 --set stages=abc", "stages = 'abc'"),
    "no epochs": (nothing, "train patches --out new --epochs 0", "--epochs 0: "),
    "lost encoder weights": (nothing, "train patches --out new --encoder-weights lost.pth", "lost.pth"),
    "another run in the way": (nothing, "train patches --out run --recipe unet --epochs 7", "--resume"),
    "no such model": (nothing, "evaluate lost.safetensors patches", "lost.safetensors"),
    "a model cut short": (truncate(MODEL), f"evaluate {MODEL} patches", "model.safetensors"),
    "a picture for a model": (nothing, "evaluate photo.png patches", "photo.png"),
    "an empty split": (nothing, f"evaluate {MODEL} patches --split test", "test"),
    "an unknown side": (nothing, f"evaluate {MODEL} patches --split valid", "valid"),
    "other classes": (another_class, f"evaluate {MODEL} two", "swamp"),
    "a device that there is not": (nothing, f"evaluate {MODEL} patches --device tpu", "--device tpu"),
    "a device for training that there is not": (nothing, "train patches --out new --device tpu", "--device tpu"),
    "a precision that there is not": (nothing, f"evaluate {MODEL} patches --precision 8", "--precision 8"),
    "no such picture": (nothing, f"predict {MODEL} lost.jpg --out maps", "lost.jpg"),
    "a GeoTIFF of three bytes": (write("scene.tif", "II*"), f"predict {MODEL} scene.tif --out maps", "scene.tif"),
    "a pointer for a GeoTIFF": (
        write("scene.tif", "version https://git-lfs.github.com/spec/v1"),
        f"predict {MODEL} scene.tif --out maps",
        "git lfs pull",
    ),
    "a pattern that nothing matches": (
        nothing,
        f"predict {MODEL} maps/*.tif --out maps",
        "maps/*.tif: no image matches",
    ),
    "a page on the web": (
        nothing,
        f"predict {MODEL} https://host/scene.html --out maps",
        "host/scene.html: is not a raster",
    ),
    "a model that knows no pixel size": (
        write("scene.tif", "II*"),
        f"predict {MODEL} scene.tif --out maps --resample",
        "--resample: run/model.safetensors does not know the ground sampling distance of its training",
    ),
    "a scale that is none": (nothing, f"predict {MODEL} photo.png --out maps --scale 9,3", "--scale 9,3"),
    "a text for a picture": (write("note.jpg", "hello"), f"predict {MODEL} note.jpg --out maps", "note.jpg"),
    "a window that is too small": (nothing, f"predict {MODEL} photo.png --out maps --window 5", "--window"),
    "a model that is damaged for predict": (truncate(MODEL), f"predict {MODEL} photo.png --out maps", "safetensors"),
    "a data set that cannot be downloaded": (nothing, "download cityscapes", "cityscapes"),
    "a file where a download should go": (nothing, "download dubai --out photo.png", "photo.png"),
    "nothing to show": (nothing, "show patches --n 0", "--n 0"),
    "a choice to show by a seed below 0": (nothing, "show patches --seed -1", "--seed -1"),
    "patches to show that are none": (nothing, "show data", "data"),
    "a preview inside the patches": (nothing, "show patches --out patches/sheet.png", "patches/sheet.png"),
    "another picture in the way of a preview": (nothing, "show patches --out photo.png", "--overwrite"),
    "an address for a folder": (nothing, "prepare data --out s3://bucket/x", "--out s3://bucket/x: is an address"),
    "a class table over a photo": (
        nothing,
        "inspect data --patch-size 32 --write-classes photo.png --overwrite",
        "--write-classes photo.png: expected the name of a .csv file",
    ),
    "options of data sets on a model": (nothing, f"inspect {MODEL} --layout flat", "--layout: is for data sets"),
    "a field of polygons without labels": (nothing, "inspect data --class-field x", "--class-field x"),
    "a report to replace without its place": (nothing, f"evaluate {MODEL} patches --overwrite", "--overwrite"),
    "degraded images without a place": (nothing, f"evaluate {MODEL} patches --degrade", "--degrade: is for --out"),
    "blocks for another split": (
        nothing,
        "prepare data --patch-size 32 --out new --block-size 2",
        "--block-size 2: is for --split block",
    ),
    "to resume and to start anew": (nothing, "train patches --out run --resume --overwrite", "--overwrite"),
    "a run in its own patches": (nothing, "train patches --out patches --overwrite", "choose another --out"),
    "a plan that nobody hears": (nothing, f"predict {MODEL} photo.png --out maps --dry-run -q", "--quiet"),
    "two pictures of one name": (
        lambda w: shutil.copy(w / "photo.png", w / "data" / "photo.png"),
        f"predict {MODEL} photo.png data/photo.png --out maps",
        "photo",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name: str, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, command, named = BAD[name]
    spoil(copy)
    capsys.readouterr()
    before = set(copy.rglob("*"))
    assert run(command.split()) == 2
    captured = capsys.readouterr()
    last = captured.err.strip().splitlines()[-1]
    assert last.startswith("terrazzo: error: ")
    assert named in last
    assert "Traceback" not in captured.err
    errors = [line for line in captured.err.splitlines() if line.startswith("terrazzo: error: ")]
    assert len(errors) == 1
    assert set(copy.rglob("*")) == before, "something was left behind"


def test_a_batch_with_one_bad_picture_does_the_rest_and_exits_1(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "pictures").mkdir()
    shutil.copy(copy / "photo.png", copy / "pictures" / "good.png")
    (copy / "pictures" / "bad.png").write_bytes((copy / "photo.png").read_bytes()[:100])
    assert run(["predict", MODEL, "pictures", "--out", "maps"]) == 1
    assert "bad.png" in capsys.readouterr().err
    assert (copy / "maps" / "good_classes.png").is_file()
    assert (copy / "maps" / "areas.csv").is_file()


def test_progress_says_how_much_how_fast_and_how_long(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    clock = iter([0.0, 10.0, 20.0, 40.0, 60.0])
    monkeypatch.setattr(output.time, "monotonic", lambda: next(clock))
    progress = output._sparse(seconds=15)
    progress("predicting pixels", 1_000_000, 400_000_000)  # at 10 s: what an earlier run had done is no speed
    progress("predicting pixels", 21_000_000, 400_000_000)  # at 20 s: 20 Mpx in 10 s, 379 Mpx are left
    progress("reading images", 5, 9)
    progress("reading images", 7, 9)
    assert capsys.readouterr().err.splitlines() == [
        "predicting pixels: 21.0 of 400.0 Mpx (2.00 Mpx/s, 3 min left)",
        "reading images: 5 of 9",
        "reading images: 7 of 9 (0.1/s, 20 s left)",
    ]
