"""Losses over the valid pixels of a batch: cross-entropy, Dice, Jaccard, focal, Lovasz, and their weighted sums.

`valid_pixels` alone deals with ignore: from logits (B, K, H, W) and targets (B, H, W) it takes the valid pixels, after
one softmax. Each loss is a pure function of these. Its formula has N valid pixels, p[c, n] the softmax probability of
class c at pixel n, and t[n] its true class. For each class c

    count[c]   = number of n with t[n] = c
    mass[c]    = sum of p[c, n] over all n
    overlap[c] = sum of p[c, n] over the n with t[n] = c

Means over classes are over those in the batch's truth, so no denominator is 0 and no smoothing is needed. A batch
without valid pixels has loss 0 and zero gradients.

Not the losses of segmentation-models-pytorch: they count absent classes as zero loss, and their multiclass focal loss
is one sigmoid per class against the rest.

Classes come first, (K, N). A softmax over six classes on the last axis took 18 ms; here it takes 1 (524,288 pixels,
CPU).
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from terrazzo.classes.schema import IGNORE
from terrazzo.recipe.loss_terms import Terms, check_class_weights, parse_terms
from terrazzo.recipe.sections import LossSection


@dataclass(frozen=True)
class Pixels:
    """The valid pixels of a batch: log-probabilities (K, N) float32 and true classes (N,) int64; N may be 0."""

    log_probs: Tensor
    target: Tensor

    @property
    def n_classes(self) -> int:
        """The number of classes, K."""
        return self.log_probs.shape[0]

    @cached_property
    def probs(self) -> Tensor:
        """Softmax probabilities (K, N)."""
        return self.log_probs.exp()

    @cached_property
    def log_true(self) -> Tensor:
        """The log-probability of each pixel's true class (N,)."""
        return self.log_probs.gather(0, self.target[None])[0]

    @cached_property
    def count(self) -> Tensor:
        """The number of pixels of each class in the truth (K,), float32."""
        return torch.bincount(self.target, minlength=self.n_classes).float()

    @cached_property
    def present(self) -> Tensor:
        """The ids of the classes in the truth, ascending."""
        return self.count.nonzero()[:, 0]

    @cached_property
    def mass(self) -> Tensor:
        """Sum of each class's probability over all pixels (K,)."""
        return self.probs.sum(dim=1)

    @cached_property
    def overlap(self) -> Tensor:
        """Sum of each class's probability over the pixels of that class (K,)."""
        zeros = self.log_true.new_zeros(self.n_classes)
        return zeros.index_add(0, self.target, self.log_true.exp())


def valid_pixels(logits: Tensor, target: Tensor) -> Pixels:
    """The pixels of logits (B, K, H, W), any float type and memory format, whose target (B, H, W) is not ignore."""
    classes_first = logits.permute(1, 0, 2, 3).to(torch.float32, memory_format=torch.contiguous_format).flatten(1)
    flat_target = target.flatten()
    valid = flat_target != IGNORE
    if not valid.all():
        # index_select and not a boolean index: loss and gradient take half the time on a CPU.
        where = valid.nonzero()[:, 0]
        classes_first = classes_first.index_select(1, where)
        flat_target = flat_target[where]
    return Pixels(classes_first.log_softmax(dim=0), flat_target.long())


def cross_entropy(pixels: Pixels, class_weights: Tensor | None = None) -> Tensor:
    """Mean of -log p[t]; with weights w by class (K,), sum of w[t] * -log p[t] over sum of w[t], as in torch."""
    if class_weights is None:
        return -pixels.log_true.sum() / max(len(pixels.target), 1)
    weights = class_weights[pixels.target]
    total = weights.sum()
    return -(weights * pixels.log_true).sum() / torch.where(total > 0, total, 1.0)


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
    return loss.sum() / max(len(pixels.target), 1)


def dice(pixels: Pixels) -> Tensor:
    """Mean over the present classes of 1 - 2 * overlap / (mass + count): Milletari et al. 2016, but not squared."""
    c = pixels.present
    loss = 1 - 2 * pixels.overlap[c] / (pixels.mass[c] + pixels.count[c])
    return loss.sum() / max(len(c), 1)


def jaccard(pixels: Pixels) -> Tensor:
    """Mean over the present classes of 1 - overlap / (mass + count - overlap)."""
    c = pixels.present
    loss = 1 - pixels.overlap[c] / (pixels.mass[c] + pixels.count[c] - pixels.overlap[c])
    return loss.sum() / max(len(c), 1)


def lovasz(pixels: Pixels) -> Tensor:
    """The Lovasz-softmax loss: the mean over the present classes of the Lovasz extension of the Jaccard loss.

    The error of class c at a pixel is 1 - p[c] if c is its true class, else p[c]. Errors are sorted in falling order.
    Each is weighted by how much the Jaccard loss grows when its pixel joins the wrong ones. Berman et al. 2018, "The
    Lovasz-Softmax loss", over the whole batch.
    """
    c = pixels.present
    truth = pixels.target[None] == c[:, None]
    probs = pixels.probs.index_select(0, c)
    errors, order = torch.where(truth, 1 - probs, probs).sort(dim=1, descending=True)
    growth = _jaccard_growth(truth.gather(1, order), pixels.count[c])
    return (errors * growth).sum() / max(len(c), 1)


def _jaccard_growth(truth: Tensor, count: Tensor) -> Tensor:
    """How much the Jaccard loss of each class grows with each further wrong pixel, (C, N).

    `truth` (C, N) says whether the pixel is of the class; `count` (C,) is the number of such pixels. A wrong pixel of
    the class takes 1 from the intersection: the loss grows by 1 / union. Any other wrong pixel adds 1 to the union: it
    grows by intersection / (union * (union - 1)), with the new union. Differences of losses would lose digits.
    """
    rank = torch.arange(1, truth.shape[1] + 1, device=truth.device, dtype=torch.float32)
    others = (~truth).cumsum(dim=1, dtype=torch.int32).float()
    union = others + count[:, None]
    intersection = union - rank
    return torch.where(truth, 1.0, intersection / (union - 1)) / union


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

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss, a float32 scalar; target is uint8 or int64, ignore = 255."""
        with torch.autocast(logits.device.type, enabled=False):
            pixels = valid_pixels(logits, target)
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
