"""Losses against numbers worked by hand, brute-force definitions, torch and segmentation-models-pytorch."""

import math
import warnings
from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import RecipeError
from terrazzo.model import losses
from terrazzo.model.losses import (
    Pixels,
    SegmentationLoss,
    build_loss,
    cross_entropy,
    dice,
    focal,
    jaccard,
    lovasz,
    valid_pixels,
)
from terrazzo.recipe.loss_terms import TERM_NAMES, check_class_weights, parse_terms
from terrazzo.recipe.sections import LossSection

LN2, LN4_3 = math.log(2), math.log(4 / 3)


def by_hand() -> tuple[Tensor, Tensor]:
    """Three classes, 2 x 3 pixels, two of them ignored. The four valid pixels, in reading order:

    pixel  p of class 0, 1, 2   truth   p of the truth
      1    1/2   1/4   1/4        0        1/2
      2    1/4   1/2   1/4        1        1/2
      3    1/4   1/4   1/2        1        1/4
      4    1/8   1/8   3/4        2        3/4

    count 1, 2, 1; mass 9/8, 9/8, 14/8; overlap 1/2, 1/2 + 1/4 = 3/4, 3/4.
    """
    probs = torch.tensor(
        [
            [[1 / 2, 1 / 4, 1 / 4], [1 / 4, 1 / 2, 1 / 4], [9 / 10, 1 / 20, 1 / 20]],
            [[1 / 4, 1 / 4, 1 / 2], [1 / 3, 1 / 3, 1 / 3], [1 / 8, 1 / 8, 3 / 4]],
        ]
    )
    target = torch.tensor([[0, 1, IGNORE], [1, IGNORE, 2]], dtype=torch.uint8)
    # Softmax does not see the constant.
    return probs.permute(2, 0, 1)[None].log() + 5, target[None]


def random_batch(n_classes: int = 4, ignored: float = 0.3, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, n_classes, 7, 5, generator=generator)
    target = torch.randint(0, n_classes, (2, 7, 5), generator=generator)
    target[torch.rand(2, 7, 5, generator=generator) < ignored] = IGNORE
    return logits, target


def one_term(name: str, gamma: float = 2.0) -> SegmentationLoss:
    return build_loss(LossSection(terms=name, focal_gamma=gamma), n_classes=4)


@pytest.fixture(autouse=True, params=["cut", "masked"])
def way(request, monkeypatch):
    """Every law holds for both ways to leave out ignored pixels: a CPU's, and a GPU's."""
    if request.param == "masked":
        monkeypatch.setattr(losses, "_cut", losses._masked)


def test_valid_pixels_have_the_stated_sums():
    pixels = valid_pixels(*by_hand())
    assert pixels.target[pixels.valid].tolist() == [0, 1, 1, 2]
    torch.testing.assert_close(pixels.count, torch.tensor([1.0, 2, 1]))
    torch.testing.assert_close(pixels.mass, torch.tensor([9, 9, 14]) / 8)
    torch.testing.assert_close(pixels.overlap, torch.tensor([2, 3, 3]) / 4)


def test_cross_entropy_by_hand():
    # (ln 2 + ln 2 + 2 ln 2 + ln 4/3) / 4
    assert cross_entropy(valid_pixels(*by_hand())).item() == pytest.approx((4 * LN2 + LN4_3) / 4, rel=1e-6)


def test_weighted_cross_entropy_by_hand():
    # Weights 1, 2, 4: (1 ln 2 + 2 ln 2 + 2 * 2 ln 2 + 4 ln 4/3) / (1 + 2 + 2 + 4)
    loss = cross_entropy(valid_pixels(*by_hand()), torch.tensor([1.0, 2, 4]))
    assert loss.item() == pytest.approx((7 * LN2 + 4 * LN4_3) / 9, rel=1e-6)


def test_focal_by_hand():
    # (1-p)^2 is 1/4, 1/4, 9/16, 1/16: (ln 2 / 4 + ln 2 / 4 + 9/16 * 2 ln 2 + ln 4/3 / 16) / 4
    assert focal(valid_pixels(*by_hand())).item() == pytest.approx((13 / 8 * LN2 + LN4_3 / 16) / 4, rel=1e-6)


def test_weighted_focal_by_hand():
    # Weights 1, 2, 4: (ln 2 / 4 + 2 ln 2 / 4 + 2 * 9/16 * 2 ln 2 + 4 ln 4/3 / 16) / 4 pixels
    loss = focal(valid_pixels(*by_hand()), class_weights=torch.tensor([1.0, 2, 4]))
    assert loss.item() == pytest.approx((3 * LN2 + LN4_3 / 4) / 4, rel=1e-6)


def test_dice_by_hand():
    # 1 - 2 overlap / (mass + count): 1 - 1/(17/8) = 9/17; 1 - (3/2)/(25/8) = 13/25; 1 - (3/2)/(22/8) = 5/11
    assert dice(valid_pixels(*by_hand())).item() == pytest.approx((9 / 17 + 13 / 25 + 5 / 11) / 3, rel=1e-6)


def test_jaccard_by_hand():
    # 1 - overlap / (mass + count - overlap): 1 - (4/8)/(13/8) = 9/13; 1 - (6/8)/(19/8) = 13/19; 1 - (6/8)/(16/8) = 5/8
    assert jaccard(valid_pixels(*by_hand())).item() == pytest.approx((9 / 13 + 13 / 19 + 5 / 8) / 3, rel=1e-6)


def test_lovasz_by_hand():
    # Errors in falling order, and the steps of 1 - |intersection| / |union| as their pixels become mistaken:
    # class 0 (true: pixel 1): 1/2 of pixel 1, step 1; the rest 0                                     = 4/8
    # class 1 (true: 2 and 3): 3/4 of pixel 3, step 1/2; 1/2 of pixel 2, step 1/2; the rest 0         = 5/8
    # class 2 (true: pixel 4): 1/2 of pixel 3, step 1/2; 1/4 of pixels 1, 2, 4, steps adding to 1/2   = 3/8
    assert lovasz(valid_pixels(*by_hand())).item() == pytest.approx((4 / 8 + 5 / 8 + 3 / 8) / 3, rel=1e-6)


def test_a_sum_is_the_weighted_sum_of_its_terms():
    logits, target = random_batch()
    pixels = valid_pixels(logits, target)
    weights = (1.0, 0.5, 2.0, 0.0)
    section = LossSection(terms="0.5*ce + dice + 2*focal", class_weights=weights, focal_gamma=1.5)
    expected = 0.5 * cross_entropy(pixels, torch.tensor(weights)) + dice(pixels)
    expected = expected + 2 * focal(pixels, 1.5, torch.tensor(weights))
    torch.testing.assert_close(build_loss(section, n_classes=4)(logits, target), expected)


@pytest.mark.parametrize("name", TERM_NAMES)
def test_ignored_pixels_are_as_if_they_were_not_there(name):
    logits, target = random_batch(ignored=0)
    framed = F.pad(logits, (2, 1, 0, 3), value=4.0)
    framed_target = F.pad(target, (2, 1, 0, 3), value=IGNORE)
    torch.testing.assert_close(one_term(name)(framed, framed_target), one_term(name)(logits, target))


@pytest.mark.parametrize("name", TERM_NAMES)
def test_ignored_pixels_have_no_gradient_and_valid_ones_do(name):
    logits, target = random_batch()
    logits.requires_grad_()
    one_term(name)(logits, target).backward()
    gradient = logits.grad.abs().sum(dim=1)
    assert (gradient[target == IGNORE] == 0).all()
    assert (gradient[target != IGNORE] > 0).all()


@pytest.mark.parametrize("name", TERM_NAMES)
def test_a_batch_without_valid_pixels_has_loss_and_gradient_zero(name):
    logits, target = random_batch(ignored=1)
    logits.requires_grad_()
    loss = one_term(name)(logits, target)
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("name", TERM_NAMES)
def test_a_perfect_prediction_has_loss_zero(name):
    _, target = random_batch()
    truth = F.one_hot(target.where(target != IGNORE, 0), 4).permute(0, 3, 1, 2)
    assert one_term(name)(40.0 * truth, target).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["dice", "jaccard", "lovasz"])
def test_an_entirely_wrong_prediction_has_loss_one(name):
    _, target = random_batch()
    wrong = F.one_hot((target.where(target != IGNORE, 0) + 1) % 4, 4).permute(0, 3, 1, 2)
    assert one_term(name)(40.0 * wrong, target).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", TERM_NAMES)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_extreme_logits_keep_losses_and_gradients_finite(name, gamma):
    logits, target = random_batch()
    logits = (1000 * logits.sign()).requires_grad_()
    loss = one_term(name, gamma)(logits, target)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("term", [dice, jaccard, lovasz])
def test_classes_absent_from_the_truth_leave_the_mean(term):
    # A fourth class with probability 1/5 everywhere and no pixel: the mean is still over the three of the truth.
    logits, target = by_hand()
    pixels = valid_pixels(logits, target)
    probs = torch.cat([0.8 * pixels.probs, torch.full((1, len(pixels.target)), 0.2)])
    with_absent = Pixels(probs.log(), pixels.target, pixels.valid)
    assert with_absent.present.tolist() == [True, True, True, False]
    three = Pixels((0.8 * pixels.probs).log(), pixels.target, pixels.valid)
    torch.testing.assert_close(term(with_absent), term(three))


def test_focal_without_gamma_is_cross_entropy():
    pixels = valid_pixels(*random_batch())
    torch.testing.assert_close(focal(pixels, gamma=0), cross_entropy(pixels))


def brute_force_lovasz(pixels: Pixels) -> float:
    """The Lovasz extension of the set function |mistaken| / |truth or mistaken| by its definition, on Python sets."""
    losses, target = [], pixels.target[pixels.valid].tolist()
    for c in sorted(set(target)):
        truth = {i for i, t in enumerate(target) if t == c}
        probs = pixels.probs[c][pixels.valid].tolist()
        errors = [1 - p if i in truth else p for i, p in enumerate(probs)]
        mistaken: set[int] = set()
        loss, before = 0.0, 0.0
        for i in sorted(range(len(errors)), key=lambda i: -errors[i]):
            mistaken.add(i)
            after = len(mistaken) / len(truth | mistaken)
            loss += errors[i] * (after - before)
            before = after
        losses.append(loss)
    return sum(losses) / len(losses)


@pytest.mark.parametrize("seed", range(5))
def test_lovasz_is_its_definition(seed):
    pixels = valid_pixels(*random_batch(n_classes=5, seed=seed))
    assert lovasz(pixels).item() == pytest.approx(brute_force_lovasz(pixels), rel=1e-5)


def test_lovasz_of_hard_predictions_is_one_minus_iou():
    # On the corners of the cube the extension is the set function: Jaccard, so does the soft Jaccard loss.
    logits, target = random_batch()
    hard = 40.0 * F.one_hot(logits.argmax(dim=1), 4).permute(0, 3, 1, 2)
    pixels = valid_pixels(hard, target)
    torch.testing.assert_close(lovasz(pixels), jaccard(pixels))


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 0.2, 3.0, 0.5])])
def test_cross_entropy_and_its_gradient_are_torch_s(weights):
    logits, target = random_batch()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = cross_entropy(valid_pixels(ours, target), weights)
    reference = F.cross_entropy(theirs, target, weight=weights, ignore_index=IGNORE)
    torch.testing.assert_close(loss, reference)
    loss.backward()
    reference.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("seed", range(3))
def test_dice_jaccard_and_lovasz_are_smp_s_where_every_class_is_present(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        smp_losses = pytest.importorskip("segmentation_models_pytorch").losses
    logits, target = random_batch(ignored=0, seed=seed)
    pixels = valid_pixels(logits, target)
    assert len(pixels.present) == 4
    torch.testing.assert_close(dice(pixels), smp_losses.DiceLoss("multiclass")(logits, target))
    torch.testing.assert_close(jaccard(pixels), smp_losses.JaccardLoss("multiclass")(logits, target))
    reference = smp_losses.LovaszLoss("multiclass", ignore_index=IGNORE)
    logits, target = random_batch(seed=seed)
    torch.testing.assert_close(lovasz(valid_pixels(logits, target)), reference(logits, target))


def test_the_loss_is_float32_under_autocast_and_in_any_layout():
    logits, target = random_batch()
    half = logits.to(torch.bfloat16)
    loss = build_loss(LossSection(terms="ce + dice + jaccard + focal + lovasz"), n_classes=4)
    expected = loss(half.float(), target)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(half.contiguous(memory_format=torch.channels_last), target.to(torch.uint8))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_class_weights_move_with_the_module_and_stay_out_of_its_state():
    loss = build_loss(LossSection(terms="ce", class_weights=(1, 2, 3)), n_classes=3)
    assert loss.state_dict() == {}
    assert loss.to("meta").class_weights.device.type == "meta"


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("ce", ((1.0, "ce"),)),
        ("0.5*CE + dice+2 * jaccard", ((0.5, "ce"), (1.0, "dice"), (2.0, "jaccard"))),
        ("1e-3*focal+.25*lovasz", ((1e-3, "focal"), (0.25, "lovasz"))),
    ],
)
def test_terms_are_read_in_the_order_written(text, terms):
    assert parse_terms(text) == terms


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "ce + bce",
            "no loss term 'bce' in 'ce . bce'; write NAME or WEIGHT.NAME, .* of ce, dice, jaccard, focal, lovasz",
        ),
        ("ce - dice", "no loss term 'ce - dice'"),
        ("ce +", "no loss term '' in 'ce \\+'"),
        ("", "no loss term '' in ''"),
        ("dice*2", "no loss term 'dice\\*2'"),
        ("-1*ce", "no loss term '-1\\*ce'"),
        ("nan*ce", "no loss term 'nan\\*ce'"),
        ("0*ce", "'0\\*ce' has the weight 0; it must be above 0 and finite"),
        ("1e400*ce", "has the weight inf"),
        ("ce + dice + 2*ce", "'ce' occurs twice"),
    ],
)
def test_bad_terms_are_refused_by_name(text, message):
    with pytest.raises(RecipeError, match=message):
        parse_terms(text)


@pytest.mark.parametrize(
    ("weights", "terms", "message"),
    [
        ((1.0, 2.0), "ce", "has 2 values for 3 classes; give one a class"),
        ((0.0, 0.0, 0.0), "focal", "are all 0"),
        ((1.0, 2.0, 3.0), "dice + lovasz", "act on ce and focal alone, and loss.terms is dice \\+ lovasz"),
    ],
)
def test_unfit_class_weights_are_refused(weights, terms, message):
    with pytest.raises(RecipeError, match=message):
        check_class_weights(weights, parse_terms(terms), n_classes=3)


@pytest.mark.parametrize("name", TERM_NAMES)
def test_a_loss_reads_no_value_from_the_device(name, monkeypatch):
    """Meta tensors have no values: what needs one, as `if valid.all()` or `nonzero`, fails."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which knows no such device
    logits = torch.empty((2, 4, 6, 8), device="meta", requires_grad=True)
    loss = one_term(name)(logits, torch.empty((2, 6, 8), dtype=torch.uint8, device="meta"))
    loss.backward()
    assert loss.shape == ()


@pytest.mark.parametrize("name", ["ce", "focal"])
@pytest.mark.parametrize("weights", [None, (1.0, 0.2, 3.0, 0.5)])
def test_the_mean_loss_of_two_devices_is_that_of_the_whole_batch(name, weights):
    """Three of the first half's rows are ignored, so that the halves have unlike numbers of valid pixels."""
    logits, target = random_batch()
    target = target.clone()
    target[:1, :3] = IGNORE
    loss = build_loss(LossSection(terms=name, class_weights=weights), n_classes=4)
    halves = [(logits[:1], target[:1]), (logits[1:], target[1:])]
    each = torch.ones(4) if weights is None or name == "focal" else torch.tensor(weights)
    sums = [each[ids[ids != IGNORE].long()].sum() for _, ids in halves]
    mean = (sums[0] + sums[1]) / 2
    found = [loss(*half, mean=lambda _: mean) for half in halves]
    torch.testing.assert_close((found[0] + found[1]) / 2, loss(logits, target))
