"""The mean of several models' weights as one model, scored against its members."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo._version import __version__
from terrazzo.errors import InputError, ModelFileError, OutputExistsError
from terrazzo.system.extras import need_training
from terrazzo.system.files import digest, file_digest, refuse_existing
from terrazzo.system.options import Device, Option, Overwrite, Precision
from terrazzo.system.reporting import Progress, Reporter, Say, how_many, quiet, silent

if TYPE_CHECKING:
    from torch import Tensor

    from terrazzo.evaluation.request import Inputs
    from terrazzo.model.averaging.together import Member
    from terrazzo.model.bundle import Bundle
    from terrazzo.model.header import Calibration, Header

WORST = 0.5
"""How many points of mean IoU an average may lie below its best member."""
RENEWING_PATCHES = 512
"""At most so many training patches renew the statistics of batch normalizations."""
_BATCH = 8
_KINDS = (".safetensors", ".h5")


@dataclass(frozen=True)
class Averaged:
    """An average of models, its scores and those of its members."""

    path: Path
    kept: bool
    """An average of the same models was there already."""
    members: dict[str, dict[str, float]]
    """`mean_iou` and `accuracy` of each member by its path; empty without patches, and if the average was kept."""
    scores: dict[str, float] | None
    """Those of the average; None without patches."""
    statistics: str
    """Where the statistics of batch normalizations come from."""

    def lines(self) -> list[str]:
        """The scores and the statistics as lines for a terminal."""
        if self.scores is None:
            return [self.statistics] if self.statistics else []
        rows = {**self.members, "the average": self.scores}
        width = max(map(len, rows))
        table = [f"{name:{width}}  {row['mean_iou']:>8.4f}  {row['accuracy']:>8.4f}" for name, row in rows.items()]
        return [f"{'model':{width}}  mean IoU  accuracy", *table, *([self.statistics] if self.statistics else [])]


def average(
    models: Annotated[Sequence[str | Path], Option("Two or more model.safetensors of one architecture.", many=True)],
    *,
    out: Annotated[str | Path, Option("The .safetensors to write.")],
    patches: Annotated[
        str | Path | None, Option("The folder that prepare wrote; scores the members and the average on its val split.")
    ] = None,
    worst: Annotated[
        float | None,
        Option(f"How many points of mean IoU it may lie below its best member; {WORST:g} if not given."),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Averaged:
    """Average the weights of several models into one (a model soup), as fast as one of them.

    The models must agree on architecture, classes, bands and normalization, and have been trained from the same encoder
    weights. Runs that ended too far apart have a useless mean. So with `patches` the members and the average are
    scored, and one that lies more than `worst` points of mean IoU below its best member is refused. The statistics of
    batch normalizations are averaged too, and with `patches` computed anew on training patches if that scores better.
    With `patches` the temperature of the confidences is fitted anew; without, the average has none.

    A finished average of the same models is kept, unless `overwrite`. Raises InputError (models that do not go
    together, a bad average), ModelFileError, PatchesError and OutputExistsError.
    """
    need_training("average")
    paths, place = [Path(model) for model in models], Path(out)
    _check_words(paths, place, patches is None, {"--worst": worst, "--device": device, "--precision": precision})
    from terrazzo.model.averaging.weights import refuse_no_soup
    from terrazzo.model.header import read_header

    members = [(path, read_header(path)) for path in paths]
    refuse_no_soup(members)
    reporter = Reporter(progress, say)
    inputs = [] if patches is None else _inputs(paths, Path(patches), device, precision, reporter)
    key = digest("average", __version__, *map(file_digest, paths), *(each.patches.content_hash for each in inputs[:1]))
    if not overwrite and (kept := _finished(place, key)) is not None:
        return kept
    refuse_existing(place, "an average", overwrite)
    header = _header(members, key)
    if not inputs:
        say("warning: the average was not scored, and may be far worse than its members; score it with --patches")
        found = _mean(members, device, precision, None)
        done = Averaged(place, False, {}, None, "")
    else:
        found, done, calibration = _scored(place, header, inputs, WORST if worst is None else worst)
        scores = {f"val_{name}": score for name, score in (done.scores or {}).items()}
        header = replace(header, scores=scores, calibration=calibration)
    from terrazzo.model.bundle import save

    save(place, header, found)
    return done


def _check_words(paths: Sequence[Path], out: Path, unscored: bool, given: dict[str, Any]) -> None:
    """Raise InputError for words that cannot be used, before a file is read."""
    from terrazzo.system.devices import check_compute

    if len(paths) < 2:
        raise InputError(f"{how_many(len(paths), 'model')} given; an average takes two or more")
    places = [path.resolve() for path in paths]
    for path, place in zip(paths, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{path}: is given {places.count(place)} times; name each model once")
        if path.suffix.lower() not in _KINDS and path.is_file():
            raise InputError(f"{path}: expected a model.safetensors, whose weights can be averaged")
    if out.suffix.lower() != _KINDS[0]:
        raise InputError(f"--out {out}: expected a name that ends in {_KINDS[0]}")
    if out.resolve() in places:
        raise InputError(f"--out {out}: is one of the models; choose another name")
    if out.is_dir():
        raise OutputExistsError(f"{out}: is a folder; --out takes the name of a file")
    for flag, value in given.items():
        if unscored and value not in (None, "auto"):
            raise InputError(f"{flag} {value}: is for --patches FOLDER; add that, or leave {flag} out")
    worst = given["--worst"]
    if worst is not None and not 0 <= worst <= 100:
        raise InputError(f"--worst {worst:g}: expected 0 to 100 points of mean IoU")
    check_compute(given["--device"], given["--precision"])


def _inputs(paths: Sequence[Path], patches: Path, device: str, precision: str, reporter: Reporter) -> list["Inputs"]:
    """What each member is scored on."""
    from terrazzo.evaluation.request import Request, open_inputs

    return [open_inputs(Request(path, patches, "val", _BATCH, device, precision, reporter)) for path in paths]


def _finished(out: Path, key: str) -> Averaged | None:
    """The finished average with that key at `out`."""
    from terrazzo.model.header import read_header

    try:
        header = read_header(out)
    except (InputError, ModelFileError):
        return None
    if header.key != key:
        return None
    scores = {name.removeprefix("val_"): float(score) for name, score in (header.scores or {}).items()}
    return Averaged(out, True, {}, scores or None, "")


def _header(members: Sequence["Member"], key: str) -> "Header":
    """The header of the average: the first one's, with the training images and the hashes of all."""
    first = members[0][1]
    data, others = first.training_data, [header.training_data for _, header in members[1:]]
    images = sorted({*data.train_images}.union(*(other.train_images for other in others)))
    same = all(other.fingerprint == data.fingerprint for other in others)
    data = replace(data, train_images=tuple(images), fingerprint=data.fingerprint if same else "")
    from terrazzo.model.header import LineageStep

    parents = tuple(_sha256(path) for path, _ in members)
    return replace(
        first,
        terrazzo_version=__version__,
        training_data=data,
        key=key,
        scores=None,
        calibration=None,  # it was of the first one's weights
        lineage=(LineageStep("average", parents),),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _mean(members: Sequence["Member"], device: str, precision: str, score: Any) -> dict[str, "Tensor"]:
    """The mean of the members' weights; each is opened once, and handed to `score` if there is one."""
    from terrazzo.model.averaging.weights import mean_state
    from terrazzo.model.bundle import load

    def states() -> Iterator[dict[str, "Tensor"]]:
        for number, (path, _) in enumerate(members):
            bundle = load(path, device, precision)
            if score is not None:
                score(number, bundle)
            yield bundle.network.state_dict()

    return mean_state(states())


def _scored(
    out: Path, header: "Header", inputs: Sequence["Inputs"], worst: float
) -> "tuple[Any, Averaged, Calibration | None]":
    """The weights of the average, the scores and the temperature.

    Raises InputError if it is too far below its best member.
    """
    from terrazzo.evaluation.calibration.temperature import calibrated
    from terrazzo.model.averaging.weights import renew_statistics
    from terrazzo.model.bundle import load

    first, say = inputs[0], inputs[0].request.reporter.say
    device, precision = first.request.device, first.request.precision
    members: dict[str, dict[str, float]] = {}

    def score(number: int, bundle: "Bundle") -> None:
        members[str(inputs[number].request.model)] = _score(bundle, inputs[number])

    found = _mean([(each.request.model, each.header) for each in inputs], device, precision, score)
    bundle = load(first.request.model, device, precision)
    bundle.network.load_state_dict(found)
    own = replace(first, header=header, request=replace(first.request, model=out))
    scores, statistics = _score(bundle, own), ""
    rows = _renewing(own)
    if len(rows) > 1 and renew_statistics(bundle, _batches(own, rows)):
        renewed = _score(bundle, own)
        better = renewed["mean_iou"] > scores["mean_iou"]
        how = f"computed on {how_many(len(rows), 'training patch')}" if better else "averaged"
        both = f"mean IoU {renewed['mean_iou']:.4f} computed anew, {scores['mean_iou']:.4f} averaged"
        statistics = f"statistics of batch normalizations: {how} ({both})"
        if better:
            scores, found = renewed, bundle.network.state_dict()
    done = Averaged(out, False, members, scores, statistics)
    best = max(members, key=lambda name: members[name]["mean_iou"])
    below = 100 * (members[best]["mean_iou"] - scores["mean_iou"])
    if below > worst:
        for line in done.lines():
            say(line)
        raise InputError(
            f"the average lies {below:.1f} points of mean IoU below {best}, more than {worst:g}: these runs ended too "
            f"far apart; predict with them together, or allow it with --worst {-(-below // 1):.0f}"
        )
    bundle.network.load_state_dict(found)
    return found, done, calibrated(bundle.network, first.patches, first.request.reporter)


def _score(bundle: "Bundle", inputs: "Inputs") -> dict[str, float]:
    """Mean IoU and accuracy on the split; what makes them optimistic is reported."""
    from terrazzo.evaluation.report import leak_line, trained_on_line
    from terrazzo.evaluation.scoring import score_patches, scores_of

    scores = scores_of(inputs, score_patches(bundle, inputs))
    said = [leak_line(scores["protocol"])] if scores["protocol"]["leaky"] else []
    for line in (*said, trained_on_line(scores)):
        if line:
            inputs.request.reporter.say(f"warning: {inputs.request.model}: {line}")
    return {name: float(scores[name]) for name in ("mean_iou", "accuracy")}


def _renewing(inputs: "Inputs") -> Any:
    """The numbers of training patches, spread evenly; without a last one that would be a batch for itself."""
    import numpy as np

    rows = np.flatnonzero(inputs.patches.sides == "train")
    rows = rows[:: max(1, -(-len(rows) // RENEWING_PATCHES))]
    return rows[:-1] if len(rows) % _BATCH == 1 else rows


def _batches(inputs: "Inputs", rows: Any) -> Iterator["Tensor"]:
    """The patches as batches (B, C, H, W)."""
    import torch

    for start in range(0, len(rows), _BATCH):
        yield torch.from_numpy(inputs.patches.pixels(rows[start : start + _BATCH]).transpose(0, 3, 1, 2))
        inputs.request.reporter.progress("renewing statistics", min(start + _BATCH, len(rows)), len(rows))
