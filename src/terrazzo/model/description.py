"""The header of a model as lines of text."""

from terrazzo.model.header import Header, LineageStep
from terrazzo.patches.options import NONE_HELD_OUT
from terrazzo.patches.splits.leak import BUFFER
from terrazzo.pixels.bands.scaling import extent
from terrazzo.system.reporting import how_many, listed


def describe_header(header: Header) -> list[str]:
    """The lines that describe a header."""
    trained, schema = header.training_data, header.schema
    lines = [
        f"network: {header.title}, {header.bands} bands, patches of {header.patch_size} px ({header.fit})",
        f"input: scale {header.normalization.scale}, mean {_numbers(header.normalization.mean)}, "
        f"std {_numbers(header.normalization.std)}",
        *([f"images are reduced to 1/{header.downsample:g} of their size"] if header.downsample != 1 else []),
        *([f"ground sampling distance: {header.gsd_m:g} m"] if header.gsd_m else []),
        *_band_lines(header),
        f"classes: {schema.n_classes}",
        *(f"  {entry['id']:3d}  {entry['color']}  {entry['name']}" for entry in schema.to_list()),
        f"trained on {how_many(trained.n_train, 'patch')} of {how_many(len(trained.train_images), 'image')}, "
        f"validated on {trained.n_val}",
        *_split_lines(header),
        *_familiarity_lines(header),
        *_calibration_lines(header),
        *_int8_lines(header),
        f"data: {trained.fingerprint}",
        *map(_lineage_line, header.lineage),
        f"written by terrazzo {header.terrazzo_version}",
    ]
    scores = {name: score for name, score in (header.scores or {}).items() if isinstance(score, float)}
    if scores:
        lines.append("scores: " + ", ".join(f"{name} {score:.3f}" for name, score in scores.items()))
    return lines


def _split_lines(header: Header) -> list[str]:
    """How the training patches were divided, and what leaks between the sides."""
    trained = header.training_data
    if trained.split == NONE_HELD_OUT:
        return [f"split: {NONE_HELD_OUT}"]
    leak = ", ".join(
        f"buffer {share:.0f} px" if name == BUFFER else f"{name} {share:.0%}" for name, share in trained.leak.items()
    )
    return [f"split: by {trained.split}, seed {trained.seed}; leak: {leak}"]


def _lineage_line(step: LineageStep) -> str:
    """How a model was made of others: scenes, parents, steps, agreement."""
    scenes = listed([scene["name"] for scene in step.scenes])
    words = {"adapt": f"adapted to {scenes} from model", "average": "average of models", "train --from": "trained from"}
    how = words.get(step.how, step.how)
    agreement = "" if step.guard is None else f", agreement {step.guard.agreement:.3f}"
    early = ", stopped early by the guard" if step.stopped_early else ""
    parents = listed([parent[:12] for parent in step.parents])
    steps = f", {how_many(step.steps, 'step')}" if step.steps else ""
    return f"lineage: {how} {parents}{steps}{agreement}{early}"


def _band_lines(header: Header) -> list[str]:
    """How the bands of the training rasters were read, and what deep ones span."""
    reading, normalization = header.band_reading, header.normalization
    if reading is None:
        return []
    names = ", ".join(reading.names)
    if normalization.deep:
        spans = zip(reading.names, normalization.low, normalization.high, normalization.clips, strict=True)
        shown = (f"  {name}: {low:g} to {high:g}{', clipped' * clips}" for name, low, high, clips in spans)
        return [f"rasters: bands {names}; {normalization.dtype} values as stored", *shown]
    values = "8-bit values"
    if reading.scale is not None:
        low, high = extent(reading.scale)
        values = f"values {low:g} to {high:g} are scaled to 0 to 255"
    return [f"rasters: bands {names}; {values}"]


def _familiarity_lines(header: Header) -> list[str]:
    """What feature distances training and validation showed."""
    found = header.familiarity
    if found is None:
        return []
    return [f"feature distance: 95 % of the training patches within {found.trained:.2g}; {found.words}"]


def _calibration_lines(header: Header) -> list[str]:
    """The temperature, and the calibration error before and after it."""
    found = header.calibration
    if found is None:
        return []
    measured = ""
    if found.ece_before is not None and found.ece_after is not None:
        measured = (
            f"; expected calibration error on validation {found.ece_before:.3f} before, {found.ece_after:.3f} after"
        )
    return [f"calibration: temperature {found.temperature:.3g}{measured}"]


def _int8_lines(header: Header) -> list[str]:
    """What int8 cost."""
    found = header.int8
    return [] if found is None else [f"precision: int8; {found.words}, on {how_many(found.n_patches, 'patch')}"]


def _numbers(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:.3g}" for value in values)
