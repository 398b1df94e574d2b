"""The sections of a recipe: each knob once, with its bounds, its default and its meaning in one line.

Python, YAML, `--set SECTION.FIELD=VALUE`, `terrazzo recipes NAME` and the model file share these names.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from terrazzo.errors import InputError, TerrazzoError
from terrazzo.recipe.encoders import check_architecture, check_decoder_widths, check_encoder
from terrazzo.recipe.loss_terms import parse_terms

MOST = 100_000
"""The most epochs and patches a step. More is a slip of the finger, or a number that no memory holds."""

Fit = Literal["crop", "pad", "resize"]
"""How images become patches."""


Factor = Annotated[float, Field(ge=0.25, le=4)]
"""A scale factor of augmentation."""


def _none_word(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() in ("none", "null", "") else value


def _word(value: Any) -> Any:
    """The number 32 and YAML's yes and no as words."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value) if type(value) is int else value


class Section(BaseModel):
    """A frozen part of a recipe; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class ModelSection(Section):
    """The network and what goes into it."""

    arch: str = Field("unet", description="architecture: unet, or any other of segmentation-models-pytorch")
    encoder: Annotated[str | None, BeforeValidator(_none_word)] = Field(
        None, description="encoder by its segmentation-models-pytorch name; none = the classic U-Net"
    )
    encoder_weights: str = Field("none", description="imagenet, none, auto (imagenet if reachable), or a weights file")
    filters: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        (16, 32, 64, 128, 256), min_length=2, description="classic U-Net: filters from the top level to the bottom"
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="classic U-Net: share of activations dropped in each block")
    batch_norm: bool = Field(False, description="classic U-Net: batch normalization after each convolution")
    decoder_channels: tuple[Annotated[int, Field(ge=1, le=4096)], ...] | None = Field(
        None, description="decoder widths of U-Net-like architectures; none = the library's own"
    )
    decoder_conv: Literal["full", "separable"] = Field(
        "full", description="unet: convolutions of the decoder; separable: 3x3 by channel, then 1x1, which is less work"
    )
    logits_stride: Literal[1, 2, 4] = Field(
        1,
        description="unet: logits at 1 / this of the resolution, enlarged bilinearly; 2 has 4 decoder widths, 4 has 3",
    )
    input_stride: Literal[1, 2] = Field(
        1, description="unet: 2 gives the encoder the mean of each 2x2 pixels and enlarges the logits back, bilinearly"
    )
    scale: Literal["unit", "minmax"] = Field(
        "unit", description="unit: value / 255, deeper values as stored; minmax: each patch to 0..1"
    )
    mean: tuple[float, ...] | None = Field(
        None, description="mean by band after scaling; none = the encoder's own, or that of deeper values"
    )
    std: tuple[float, ...] | None = Field(
        None, description="deviation by band after scaling; none = the encoder's own, or that of deeper values"
    )

    @field_validator("encoder")
    @classmethod
    def _known_encoder(cls, value: str | None) -> str | None:
        if value is not None:
            check_encoder(value)
        return value

    @model_validator(mode="after")
    def _known_architecture(self) -> "ModelSection":
        check_architecture(self.arch, self.encoder)
        return self

    @model_validator(mode="after")
    def _lean_unet(self) -> "ModelSection":
        for field in ("decoder_conv", "logits_stride", "input_stride"):
            value, whole = getattr(self, field), type(self).model_fields[field].default
            if value != whole and (self.arch != "unet" or self.encoder is None):
                raise ValueError(f"{field} = {value} is for unet with an encoder; leave it out")
        if self.logits_stride > 1 and self.decoder_channels is not None:
            check_decoder_widths(self.decoder_channels, self.logits_stride)
        return self


class LossSection(Section):
    """What training minimizes."""

    terms: str = Field("ce + dice", description="a weighted sum of ce, dice, jaccard, focal, lovasz: 0.5*focal + dice")
    class_weights: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(
        None, description="one weight for each class, for ce and focal; none = all 1"
    )
    focal_gamma: float = Field(2.0, ge=0, description="focal: how strongly easy pixels are weighted down")

    @field_validator("terms")
    @classmethod
    def _known_terms(cls, value: str) -> str:
        parse_terms(value)
        return value


class AugmentSection(Section):
    """Random changes to each training patch, image and mask together."""

    hflip: bool = Field(True, description="flip left and right")
    vflip: bool = Field(True, description="flip up and down")
    quarter_turns: bool = Field(True, description="turn by 0, 90, 180 or 270 degrees")
    rotate_deg: float = Field(0.0, ge=0, le=180, description="rotate by up to this many degrees either way")
    shift_x: float = Field(0.0, ge=0, lt=1, description="shift by up to this share of the width")
    shift_y: float = Field(0.0, ge=0, lt=1, description="shift by up to this share of the height")
    zoom: float = Field(0.0, ge=0, lt=1, description="scale by up to 1 -/+ this")
    fill: Literal["reflect", "ignore"] = Field("reflect", description="pixels from outside: mirrored, or ignored")
    probability: float = Field(1.0, ge=0, le=1, description="share of patches that are rotated, shifted and zoomed")
    brightness: float = Field(0.0, ge=0, lt=1, description="brightness of bands of light times 1 -/+ this")
    contrast: float = Field(0.0, ge=0, lt=1, description="contrast of bands of light times 1 -/+ this")
    saturation: float = Field(0.0, ge=0, lt=1, description="saturation times 1 -/+ this (red, green and blue)")
    scale: Annotated[tuple[Factor, Factor] | None, BeforeValidator(_none_word)] = Field(
        None, description="[low, high]: scale by a factor between these, even on a log scale, in place of zoom"
    )
    crop: int = Field(
        0, ge=0, le=4096, multiple_of=32, description="train on windows of this many px, cut from the patches; 0 = off"
    )
    robust: float = Field(
        0.0, ge=0, le=1, description="imitate other cameras, light and seasons: 0 = off, up to 1 = strong"
    )
    mix_classes: float = Field(
        0.0, ge=0, le=1, description="share of patches that get pieces of rare classes from another patch"
    )

    @field_validator("scale")
    @classmethod
    def _low_first(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError("must be [low, high], the lower one first")
        return value

    @model_validator(mode="after")
    def _one_of_two(self) -> "AugmentSection":
        if self.scale is not None and self.zoom:
            raise ValueError(f"zoom = {self.zoom:g} and scale are both set; leave scale out, or set zoom to 0")
        if self.crop and (self.shift_x or self.shift_y):
            raise ValueError("shift_x and shift_y have no effect with crop, which draws the place; set them to 0")
        return self


class OptimizerSection(Section):
    """How the weights follow the gradients."""

    name: Literal["adam", "adamw"] = Field("adamw", description="adam or adamw")
    lr: float = Field(1e-3, gt=0, description="learning rate; onecycle: its peak")
    weight_decay: float = Field(1e-2, ge=0, description="weight decay")
    encoder_lr: float | None = Field(None, gt=0, description="learning rate of the encoder; none = lr")


class ScheduleSection(Section):
    """How the learning rate changes and when training stops early."""

    name: Literal["plateau", "onecycle", "constant"] = Field(
        "onecycle", description="plateau: cut when validation loss stalls; onecycle: up, then down to 0; constant"
    )
    warmup: float = Field(0.2, gt=0, lt=1, description="onecycle: share of the steps in which it rises")
    factor: float = Field(0.5, gt=0, lt=1, description="plateau: the learning rate is multiplied by this")
    patience: int = Field(5, ge=0, description="plateau: epochs without a better validation loss before a cut")
    min_lr: float = Field(1e-6, ge=0, description="plateau: no cut goes below this")
    early_stopping: int = Field(0, ge=0, description="stop after this many epochs without a better loss; 0 = never")


class TrainSection(Section):
    """Length, batches, precision and random seed."""

    epochs: int = Field(15, ge=1, le=MOST, description="passes over the training patches")
    steps: int = Field(
        0, ge=0, le=MOST, description="steps of the weights in all, however many the patches; 0 = epochs decide"
    )
    batch_size: Annotated[int, Field(ge=1, le=MOST)] | Literal["auto"] = Field(
        8, description="patches a step; auto: as many as memory holds, set when the run starts"
    )
    sampler: Literal["uniform", "classes", "groups", "sources"] = Field(
        "uniform", description="how patches are drawn: each once, or each class, group or source as often as any other"
    )
    accumulate: int = Field(
        1, ge=1, le=MOST, description="batches whose gradients are summed before a step of the weights"
    )
    freeze_epochs: int = Field(
        0, ge=0, le=MOST, description="a pretrained encoder keeps its weights for this many epochs first"
    )
    freeze_statistics: bool = Field(
        False, description="batch normalization keeps the statistics of the model that training starts from"
    )
    distill: float = Field(
        0.0,
        ge=0,
        le=100,
        description="weight of staying near the start model where nothing is labelled; 0 = off",
    )
    distill_kept: float = Field(
        0.0,
        ge=0,
        le=100,
        description="weight of staying near it on patches of --keep, in place of their labels; 0 = labels",
    )
    ema: float = Field(0.0, ge=0, lt=1, description="decay of a running mean of the weights, used instead; 0 = off")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="decides order, augmentation, dropout and initial weights")
    precision: Annotated[Literal["auto", "32", "bf16"], BeforeValidator(_word)] = Field(
        "auto", description="auto: bf16 where the hardware has it"
    )
    channels_last: Annotated[Literal["auto", "yes", "no"], BeforeValidator(_word)] = Field(
        "auto", description="memory format; auto: yes"
    )


def epochs_of(steps: int) -> int:
    """The epochs into which a number of steps is divided: the largest of 1 to 10 that divides it.

    After each epoch there are a line, a score and a checkpoint, so they do not depend on how few the patches are.
    """
    return next(epochs for epochs in range(10, 0, -1) if steps % epochs == 0)


class DataSection(Section):
    """How `prepare` cuts and divides the images, unless options say otherwise."""

    layout: str | None = Field(
        None, description="the layout that it is for; data in another layout, and all data with none, are read as found"
    )
    patch_size: int = Field(256, ge=32, le=4096, description="height and width of a patch in pixels")
    fit: Fit = Field(
        "crop", description="crop: whole patches only; pad: fill the last ones; resize: one patch an image"
    )
    downsample: float = Field(1.0, ge=1, description="images are read at 1 / this of their size")
    scale: Literal["auto"] | tuple[float, float] | dict[str, tuple[float, float]] | None = Field(
        None, description="rasters: low and high of all bands, or {name: [low, high]}, or auto; none = as stored"
    )
    split: Literal["given", "group", "image", "block", "patch"] | None = Field(
        None, description="none = given if the layout has splits, else by group, else by image"
    )
    val: float = Field(0.2, ge=0, lt=1, description="share of validation")
    test: float = Field(0.0, ge=0, lt=1, description="share of test")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="decides the split")

    def updated(self, **given: Any) -> "DataSection":
        """The section with the values that are not None in place of its own; numpy's numbers become Python's."""
        plain = {name: getattr(value, "item", lambda value=value: value)() for name, value in given.items()}
        return self.model_copy(update={name: value for name, value in plain.items() if value is not None})


def check_option(field: str, value: Any, error: type[TerrazzoError] = InputError) -> None:
    """Raise `error`, naming the flag, if the data section takes no such value for the field.

    The section alone says which values `patch_size`, `fit` and `split` take.
    """
    try:
        DataSection.model_validate({field: value})
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        expected = first["msg"].removeprefix("Input should be ").replace("'", "")
        noun = "a value " if first["type"].startswith(("greater", "less")) else ""
        raise error(f"--{field.replace('_', '-')} {value}: expected {noun}{expected}") from None


def expectation(problem: Mapping[str, Any]) -> str:
    """What a field expects, of one of pydantic's errors: `must be greater than 0`."""
    message = str(problem["msg"]).removeprefix("Value error, ").replace("valid tuple", "valid list")
    message = message.replace("Input should be", "must be")
    return message[0].lower() + message[1:]


class Stage(Section):
    """A stage of progressive resizing: `epochs` on patches shrunk to `size`, from where the last stage ended."""

    size: int = Field(ge=16, le=4096, description="height and width to which training patches are shrunk, in pixels")
    epochs: int = Field(ge=1, le=MOST, strict=True, description="passes over the training patches")
    lr: float | None = Field(None, gt=0, description="learning rate of the stage; none = optimizer.lr")
