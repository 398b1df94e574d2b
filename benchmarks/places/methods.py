"""The methods that are compared: each is one declaration, and `a+b` is both at once.

A method changes the recipe `best.yaml`, how patches are prepared, what follows training, or how scenes are mapped. Two
methods that train alike share their runs: `tta_flips` and `best` are one training, mapped twice.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import terrazzo
from terrazzo.errors import InputError, RecipeError
from terrazzo.recipe.reading import load_recipe
from terrazzo.recipe.recipe import Recipe
from terrazzo.system.files import digest

BASE = "best"
JOINED_SEEDS = (0, 1, 2)
"""The seeds of the runs that one row of `soup` or `ensemble` joins."""


def _changes_of_fast() -> dict[str, Any]:
    """What the recipe `fast` has in place of the network of `best`."""
    fast, best = (load_recipe(name).model.model_dump() for name in ("fast", BASE))
    return {f"model.{name}": value for name, value in fast.items() if value != best[name]}


@dataclass(frozen=True)
class Method:
    """One lever, or several at once."""

    name: str
    words: str
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the recipe that differ."""
    prepare: Mapping[str, Any] = field(default_factory=dict)
    """Options of `terrazzo.prepare`."""
    predict: Mapping[str, Any] = field(default_factory=dict)
    """Options of `terrazzo.predict`, and of `terrazzo.evaluate` on random patches."""
    join: Literal["", "average", "predict"] = ""
    """What becomes of the runs of `JOINED_SEEDS`: one file of averaged weights, or models that predict together."""
    adapt: Literal["", "together", "alone"] = ""
    """Whether the trained model is adapted to a fold's scenes, all at once or each alone."""
    leaky: bool = False
    """Whether random patches of all tiles are scored instead of new places."""

    @property
    def training(self) -> str:
        """A key, the same for methods that train alike."""
        return digest(repr(sorted(self.recipe.items())), repr(sorted(self.prepare.items())), str(self.leaky))[:10]

    def changed(self, recipe: Recipe) -> Recipe:
        """The recipe with the method's changes. Raises RecipeError at a field that is not there."""
        return recipe.with_changes(self.recipe)


_NO_ZOOM = {"augment.zoom": 0}  # augment.scale takes its place
_WHOLE = {"fit": "pad"}  # some images are smaller than such a patch
_WEIGHTS = (1.0, 0.5, 1.2, 1.1, 1.0, 1.0)
"""1 / sqrt(share of the pixels), Building as 1; Unlabeled, of which there is next to nothing, is 1 too."""

METHODS = {
    method.name: method
    for method in (
        Method(BASE, "the recipe as it was before this table"),
        Method("sampler_groups", "each tile drawn as often", {"train.sampler": "groups"}),
        Method("sampler_classes", "each class drawn as often", {"train.sampler": "classes"}),
        Method("tta_flips", "4 mirror images averaged at prediction", predict={"tta": "flips"}),
        Method("tta_d4", "8 mirror images averaged at prediction", predict={"tta": "d4"}),
        Method("tta_scales", "scales 1 and 2 averaged at prediction", predict={"tta_scales": (1.0, 2.0)}),
        Method("ema_999", "running mean of the weights over ten times as many steps", {"train.ema": 0.999}),
        Method("encoder_lr", "a tenth of the learning rate for the encoder", {"optimizer.encoder_lr": 1e-4}),
        Method("weight_decay", "ten times the weight decay", {"optimizer.weight_decay": 0.1}),
        Method("freeze", "encoder frozen for the first 2 epochs", {"train.freeze_epochs": 2}),
        Method("focal", "focal loss in place of cross-entropy", {"loss.terms": "focal + dice"}),
        Method("class_weights", "classes weighted by 1 / sqrt(share) in the loss", {"loss.class_weights": _WEIGHTS}),
        Method("lovasz", "Lovasz loss in place of Dice", {"loss.terms": "ce + lovasz"}),
        Method("patch_384", "patches of 384 px", prepare={"patch_size": 384, **_WHOLE}),
        Method("patch_512", "patches of 512 px", prepare={"patch_size": 512, **_WHOLE}),
        Method(
            "jitter_strong",
            "brightness, contrast and saturation by 0.5",
            {f"augment.{name}": 0.5 for name in ("brightness", "contrast", "saturation")},
        ),
        Method("robust_03", "other sensors and seasons imitated, strength 0.3", {"augment.robust": 0.3}),
        Method("robust_05", "other sensors and seasons imitated, strength 0.5", {"augment.robust": 0.5}),
        Method("robust_1", "other sensors and seasons imitated, strength 1", {"augment.robust": 1.0}),
        Method("scale_05_2", "scale 0.5 to 2", {"augment.scale": (0.5, 2.0), **_NO_ZOOM}),
        Method("scale_075_2", "scale 0.75 to 2", {"augment.scale": (0.75, 2.0), **_NO_ZOOM}),
        Method(
            "crop_256_of_512",
            "windows of 256 px from patches of 512 px, scale 0.5 to 2",
            {"augment.crop": 256, "augment.scale": (0.5, 2.0), **_NO_ZOOM},
            {"patch_size": 512, **_WHOLE},
        ),
        Method("mix_classes", "pieces of rare classes pasted into half of the patches", {"augment.mix_classes": 0.5}),
        Method("lite2", "EfficientNet-Lite2 encoder", {"model.encoder": "tu-tf_efficientnet_lite2"}),
        Method(
            "lean_4",
            "leaner decoder: half width, separable, logits at a quarter",
            {"model.decoder_channels": (128, 64, 32), "model.decoder_conv": "separable", "model.logits_stride": 4},
        ),
        Method(
            "halved_separable",
            "half the resolution; separable convolutions in the decoder",
            {"model.input_stride": 2, "model.decoder_conv": "separable"},
        ),
        Method(
            "halved_taper",
            "half the resolution; a decoder narrower at the top",
            {"model.input_stride": 2, "model.decoder_channels": (256, 128, 32, 16, 8)},
        ),
        Method("fast", "half the resolution; a decoder of half the width", _changes_of_fast()),
        Method("soup", "weights of three seeds averaged", join="average"),
        Method("ensemble", "three seeds predict together", join="predict"),
        Method("adapt", "then adapted to the fold's scenes, together", adapt="together"),
        Method("adapt_alone", "then adapted to each of the fold's scenes, alone", adapt="alone"),
        Method("random_patches", "random patches of all tiles, 80/20 (leaky)", leaky=True),
    )
}


def method_of(words: str) -> Method:
    """The method of a name, or of names joined by `+`, in the order of the declarations whatever their order here.

    `best` adds nothing to others. Raises InputError at an unknown name, and at methods that set one thing twice.
    """
    names = words.split("+")
    if unknown := [name for name in names if name not in METHODS]:
        raise InputError(f"--methods {words}: no method {unknown[0]!r}; there are {', '.join(METHODS)}")
    parts = [method for method in METHODS.values() if method.name in names]
    parts = [method for method in parts if method.name != BASE] or parts
    whole = Method(
        name="+".join(part.name for part in parts),
        words="; ".join(part.words for part in parts),
        leaky=any(part.leaky for part in parts),
    )
    for what in ("recipe", "prepare", "predict"):
        found: dict[str, Any] = {}
        for part in parts:
            for name, value in getattr(part, what).items():
                if found.setdefault(name, value) != value:
                    raise InputError(f"--methods {words}: two of them set {name}; leave one of them out")
        whole = replace(whole, **{what: found})
    for what in ("join", "adapt"):
        kinds = {getattr(part, what) for part in parts} - {""}
        if len(kinds) > 1:
            raise InputError(f"--methods {words}: two of them {what} in different ways; leave one of them out")
        whole = replace(whole, **{what: next(iter(kinds), "")})
    return whole


def what_is_missing(method: Method, recipe: Recipe) -> str | None:
    """What this version lacks for the method, in a line; None if nothing. No weights are looked for."""
    if method.leaky and (method.join == "predict" or method.adapt):
        return "random patches are no scenes to adapt to or to map by several models"
    try:
        method.changed(recipe)
    except RecipeError as error:
        return str(error).split(";")[0]
    maps: Callable[..., Any] = terrazzo.evaluate if method.leaky else terrazzo.predict
    if unknown := method.predict.keys() - inspect.signature(maps).parameters.keys():
        return f"terrazzo.{maps.__name__} has no option {sorted(unknown)[0]}"
    if method.join == "average" and not hasattr(terrazzo, "average"):
        return "there is no terrazzo.average"
    if method.adapt and not hasattr(terrazzo, "adapt"):
        return "there is no terrazzo.adapt"
    first = next(iter(inspect.signature(terrazzo.predict).parameters.values()))
    if method.join == "predict" and "Sequence" not in str(first.annotation):
        return "terrazzo.predict takes one model"
    return None


def known_options(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that a function takes."""
    parameters = inspect.signature(function).parameters
    return {name: value for name, value in options.items() if name in parameters}


def methods_of(words: Iterable[str]) -> list[Method]:
    """The methods named, each once; names stand apart or are joined by commas."""
    names = [name for word in words for name in word.split(",") if name]
    return list({method.name: method for method in map(method_of, names)}.values())
