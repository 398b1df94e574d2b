"""Losses over the valid pixels of a batch: cross-entropy, Dice, Jaccard, focal, Lovasz, and their weighted sums.

`valid_pixels` alone deals with ignore: from logits (B, K, H, W) and targets (B, H, W) it makes the pixels of a batch,
after one softmax. Each loss is a pure function of these. Its formula has N valid pixels, p[c, n] the softmax
probability of class c at pixel n, and t[n] its true class. For each class c

    count[c]   = number of n with t[n] = c
    mass[c]    = sum of p[c, n] over all n
    overlap[c] = sum of p[c, n] over the n with t[n] = c

Means over classes are over those in the batch's truth, so no denominator is 0 and no smoothing is needed. A batch
without valid pixels has loss 0 and zero gradients.

Law: no loss reads a value back from a GPU, which therefore never waits for the host: there ignored pixels are masked.
On a CPU, where nothing waits, they are cut out. Both give the same losses.

Where a batch is spread over several devices, `mean` makes N their mean. The mean of the devices' cross-entropies and
focal losses, and of their gradients, is then that of the whole batch. Dice, Jaccard and Lovasz stay those of each
device's own pixels.

Not the losses of segmentation-models-pytorch: they count absent classes as zero loss, and their multiclass focal loss
is one sigmoid per class against the rest.

Classes come first, (K, P). A softmax over six classes on the last axis took 18 ms; here it takes 1 (524,288 pixels,
CPU).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from terrazzo.classes.schema import IGNORE
from terrazzo.recipe.loss_terms import Terms, check_class_weights, parse_terms
from terrazzo.recipe.sections import LossSection

Mean = Callable[[Tensor], Tensor]
"""The mean of a number over the devices that share a batch; a tensor without gradient."""


def alone(number: Tensor) -> Tensor:
    """The mean over one device: the number itself."""
    return number


@dataclass(frozen=True)
class Pixels:
    """The pixels of a batch: log-probabilities (K, P) float32, true classes (P,) int64, and which are valid (P,) bool.

    An ignored pixel has class 0.
    """

    log_probs: Tensor
    target: Tensor
    valid: Tensor
    n_rows: int = 1
    """Rows of all images together; P is a multiple."""
    mean: Mean = alone

    @cached_property
    def probs(self) -> Tensor:
        """Softmax probabilities (K, P), of ignored pixels too."""
        return self.log_probs.exp()

    @cached_property
    def log_true(self) -> Tensor:
        """The log-probability of each pixel's true class (P,), 0 at ignored pixels."""
        return self.log_probs.gather(0, self.target[None])[0].masked_fill(~self.valid, 0.0)

    @cached_property
    def count(self) -> Tensor:
        """The number of pixels of each class in the truth (K,), float32."""
        return self._by_class(self.valid.long()).float()

    @cached_property
    def present(self) -> Tensor:
        """Whether each class is in the truth (K,), bool."""
        return self.count > 0

    @cached_property
    def mass(self) -> Tensor:
        """Sum of each class's probability over all valid pixels (K,)."""
        return self.probs @ self.valid.float()

    @cached_property
    def overlap(self) -> Tensor:
        """Sum of each class's probability over the pixels of that class (K,)."""
        return self._by_class(self.log_true.exp() * self.valid)

    def _by_class(self, values: Tensor) -> Tensor:
        """The sums of values (P,) over the pixels of each class, (K,). Ignored pixels must have 0.

        Row by row of the images first: a GPU would queue for a few sums that all pixels share.
        """
        sums = values.new_zeros((self.n_rows, self.log_probs.shape[0]))
        by_row = (self.n_rows, len(self.target) // self.n_rows)
        return sums.scatter_add(1, self.target.view(by_row), values.view(by_row)).sum(dim=0)

    def over_pixels(self, total: Tensor) -> Tensor:
        """A sum over the valid pixels divided by their number, N; 0 where there are none."""
        return _ratio(total, self.mean(self.valid.sum().float()))

    def over_present(self, by_class: Tensor) -> Tensor:
        """The mean of numbers (K,) over the classes in the truth; 0 where there are none."""
        return torch.where(self.present, by_class, 0.0).sum() / self.present.sum().clamp(min=1)


def _ratio(total: Tensor, number: Tensor) -> Tensor:
    return total / torch.where(number > 0, number, 1.0)


def valid_pixels(logits: Tensor, target: Tensor, mean: Mean = alone) -> Pixels:
    """The pixels of logits (B, K, H, W), any float type and memory format, and of target (B, H, W)."""
    n_rows = target.shape[0] * target.shape[1]
    classes_first = logits.permute(1, 0, 2, 3).to(torch.float32, memory_format=torch.contiguous_format).flatten(1)
    pixels = _cut if target.device.type == "cpu" else _masked
    return pixels(classes_first, target.flatten(), n_rows, mean)


def _masked(logits: Tensor, target: Tensor, n_rows: int, mean: Mean) -> Pixels:
    """All pixels of logits (K, P) and target (P,)."""
    valid = target != IGNORE
    return Pixels(logits.log_softmax(dim=0), target.long().masked_fill(~valid, 0), valid, n_rows, mean)


def _cut(logits: Tensor, target: Tensor, n_rows: int, mean: Mean) -> Pixels:
    """The valid ones alone: with sparse labels a third of the time."""
    valid = target != IGNORE
    if valid.all():
        return Pixels(logits.log_softmax(dim=0), target.long(), valid, n_rows, mean)
    # index_select and not a boolean index: loss and gradient take half the time.
    where = valid.nonzero()[:, 0]
    return Pixels(logits.index_select(1, where).log_softmax(dim=0), target[where].long(), valid[where], mean=mean)


def cross_entropy(pixels: Pixels, class_weights: Tensor | None = None) -> Tensor:
    """Mean of -log p[t]; with weights w by class (K,), sum of w[t] * -log p[t] over sum of w[t], as in torch."""
    if class_weights is None:
        return pixels.over_pixels(-pixels.log_true.sum())
    weights = class_weights[pixels.target]
    return _ratio(-(weights * pixels.log_true).sum(), pixels.mean((weights * pixels.valid).sum()))


def focal(pixels: Pixels, gamma: float = 2.0, class_weights: Tensor | None = None) -> Tensor:
    """Mean over the pixels of w[t] * (1 - p[t])**gamma * -log p[t], w = 1 without weights by class (K,).

    The focal loss after a softmax, with w the paper's alpha: Lin et al. 2017, "Focal Loss for Dense Object Detection",
    equation 5. The sum is divided by the number of pixels, not by the sum of weights.
    """
    # 1 - p from the logarithm keeps its digits near p = 1. The clamp keeps the gradient of the power finite there.
    missing = (-torch.expm1(pixels.log_true)).clamp(min=torch.finfo(torch.float32).tiny)
    loss = -(missing**gamma) * pixels.log_true
    if class_weights is not None:
        loss = class_weights[pixels.target] * loss
    return pixels.over_pixels(loss.sum())


def dice(pixels: Pixels) -> Tensor:
    """Mean over the present classes of 1 - 2 * overlap / (mass + count): Milletari et al. 2016, but not squared."""
    return pixels.over_present(1 - _ratio(2 * pixels.overlap, pixels.mass + pixels.count))


def jaccard(pixels: Pixels) -> Tensor:
    """Mean over the present classes of 1 - overlap / (mass + count - overlap)."""
    return pixels.over_present(1 - _ratio(pixels.overlap, pixels.mass + pixels.count - pixels.overlap))


def lovasz(pixels: Pixels) -> Tensor:
    """The Lovasz-softmax loss: the mean over the present classes of the Lovasz extension of the Jaccard loss.

    The error of class c at a pixel is 1 - p[c] if c is its true class, else p[c]. Errors are sorted in falling order.
    Each is weighted by how much the Jaccard loss grows when its pixel joins the wrong ones. Berman et al. 2018, "The
    Lovasz-Softmax loss", over the whole batch.
    """
    classes = torch.arange(pixels.log_probs.shape[0], device=pixels.target.device)
    truth = (pixels.target == classes[:, None]) & pixels.valid
    errors = torch.where(truth, 1 - pixels.probs, pixels.probs)
    # Ignored pixels come last, behind errors of 0, so that they change no weight before them.
    errors, order = errors.masked_fill(~pixels.valid, -1.0).sort(dim=1, descending=True)
    growth = _jaccard_growth(truth.gather(1, order), pixels.count)
    return pixels.over_present((errors.clamp(min=0) * growth).sum(dim=1))


def _jaccard_growth(truth: Tensor, count: Tensor) -> Tensor:
    """How much the Jaccard loss of each class grows with each further wrong pixel, (C, N).

    `truth` (C, N) says whether the pixel is of the class; `count` (C,) is the number of such pixels. A wrong pixel of
    the class takes 1 from the intersection: the loss grows by 1 / union. Any other wrong pixel adds 1 to the union: it
    grows by intersection / (union * (union - 1)), with the new union. Differences of losses would lose digits. A class
    that is not there has no intersection, and 0 everywhere.
    """
    rank = torch.arange(1, truth.shape[1] + 1, device=truth.device, dtype=torch.float32)
    others = (~truth).cumsum(dim=1, dtype=torch.int32).float()
    union = others + count[:, None]
    intersection = union - rank
    return torch.where(truth, 1.0, intersection / (union - 1).clamp(min=1)) / union


class SegmentationLoss(nn.Module):
    """A weighted sum of losses of logits (B, K, H, W) and target (B, H, W), in float32 even under autocast."""

    class_weights: Tensor | None

    def __init__(self, terms: Terms, class_weights: tuple[float, ...] | None, focal_gamma: float) -> None:
        super().__init__()
        self.terms = terms
        self.focal_gamma = focal_gamma
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        # Not persistent: class weights belong to the recipe, not to the state of the network.
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(self, logits: Tensor, target: Tensor, mean: Mean = alone) -> Tensor:
        """The loss, a float32 scalar; target is uint8 or int64, ignore = 255. `mean` is over the devices of a batch."""
        with torch.autocast(logits.device.type, enabled=False):
            pixels = valid_pixels(logits, target, mean)
            return torch.stack([weight * self._term(name, pixels) for weight, name in self.terms]).sum()

    def _term(self, name: str, pixels: Pixels) -> Tensor:
        if name == "ce":
            return cross_entropy(pixels, self.class_weights)
        if name == "focal":
            return focal(pixels, self.focal_gamma, self.class_weights)
        return {"dice": dice, "jaccard": jaccard, "lovasz": lovasz}[name](pixels)


def build_loss(section: LossSection, n_classes: int) -> SegmentationLoss:
    """The loss of a recipe's section. Raises RecipeError for unknown terms or class weights that do not fit."""
    terms = parse_terms(section.terms)
    check_class_weights(section.class_weights, terms, n_classes)
    return SegmentationLoss(terms, section.class_weights, section.focal_gamma)
