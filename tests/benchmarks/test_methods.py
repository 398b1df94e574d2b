"""The methods of `benchmarks.new_places`: names joined by +, what trains alike, what a version lacks."""

import pytest
from benchmarks.places.measure import BEST, Plan, Schedule, Task, tasks_of
from benchmarks.places.methods import METHODS, Method, method_of, methods_of, what_is_missing
from benchmarks.places.queue import cpu_model, next_task

import terrazzo
from terrazzo.errors import InputError
from terrazzo.recipe.reading import load_recipe


def test_names_joined_by_plus_are_both_in_one_order() -> None:
    both = method_of("tta_d4+sampler_groups")
    assert both == method_of("sampler_groups+tta_d4")
    assert both.name == "sampler_groups+tta_d4"
    assert both.words == "each tile drawn as often; 8 mirror images averaged at prediction"
    assert (both.recipe, both.predict) == ({"train.sampler": "groups"}, {"tta": "d4"})


def test_best_adds_nothing() -> None:
    assert method_of("best+ema_999") == method_of("ema_999")
    assert method_of("best").recipe == {}


def test_words_are_split_at_commas_and_each_method_comes_once() -> None:
    assert [method.name for method in methods_of(["best,tta_d4", "tta_d4", "best+tta_d4"])] == ["best", "tta_d4"]


def test_two_that_set_one_thing_are_refused_unless_they_agree() -> None:
    with pytest.raises(InputError, match=r"--methods focal\+lovasz: two of them set loss.terms"):
        method_of("focal+lovasz")
    with pytest.raises(InputError, match="two of them join in different ways"):
        method_of("soup+ensemble")
    assert method_of("scale_05_2+crop_256_of_512").recipe["augment.scale"] == (0.5, 2.0)


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="no method 'tta'; there are best, sampler_groups, "):
        method_of("best+tta")


def test_methods_that_differ_after_training_alone_train_alike() -> None:
    alike = ("best", "tta_flips", "tta_d4", "tta_scales", "soup", "ensemble", "adapt", "adapt_alone")
    assert len({method_of(name).training for name in alike}) == 1
    assert method_of("ema_999").training == method_of("ema_999+tta_d4").training != method_of("best").training
    assert method_of("patch_512").training != method_of("best").training
    assert method_of("random_patches").training != method_of("best").training


def test_runs_that_are_joined_are_one_row_a_fold_and_come_last() -> None:
    tasks = tasks_of(methods_of(["soup", "best"]), [0, 1], ["1+8", "2+7"])
    assert [(task.method.name, task.seed, task.fold) for task in tasks] == [
        ("best", "0", "1+8"),
        ("best", "0", "2+7"),
        ("best", "1", "1+8"),
        ("best", "1", "2+7"),
        ("soup", "0 1 2", "1+8"),
        ("soup", "0 1 2", "2+7"),
    ]


def test_no_two_rows_train_the_same_run_at_once() -> None:
    best, flips, other = (Task(method_of(name), "0", "1+8") for name in ("best", "tta_flips", "ema_999"))
    soup = Task(method_of("soup"), "0 1 2", "1+8")
    assert next_task([flips, soup, other], [best]) == other
    assert next_task([flips, soup], [best]) is None
    assert next_task([flips, other], []) == flips


def test_what_a_version_lacks_is_named() -> None:
    recipe = load_recipe(BEST)
    assert what_is_missing(Method("a", "", {"augment.sparkle": 1}), recipe) == "--set: augment.sparkle: no such field"
    assert what_is_missing(Method("a", "", predict={"glow": 1}), recipe) == "terrazzo.predict has no option glow"
    assert what_is_missing(method_of("random_patches+adapt"), recipe) is not None
    for name in ("best", "sampler_groups", "tta_d4", "ema_999", "patch_512", "random_patches"):
        assert what_is_missing(method_of(name), recipe) is None


def test_the_recipe_never_falls_back_to_random_weights() -> None:
    assert load_recipe(BEST).model.encoder_weights == "imagenet"


def test_every_method_is_described_in_a_few_words() -> None:
    for name, method in METHODS.items():
        assert name == method.name
        assert 0 < len(method.words) < 60
        assert "|" not in method.words + name


def test_a_schedule_says_what_was_asked_for() -> None:
    assert [str(Schedule()), str(Schedule(600)), str(Schedule(epochs=3))] == ["full", "600 steps", "3 epochs"]
    assert Schedule(600).words == ["--steps", "600"]


def test_the_cpu_has_a_name(tmp_path) -> None:  # type: ignore[no-untyped-def]
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Some CPU 9000\nprocessor\t: 1\n", encoding="utf-8")
    assert cpu_model(info) == "Some CPU 9000"
    assert isinstance(cpu_model(tmp_path / "none"), str)
    assert Plan.__dataclass_fields__["machine"].default == ""
    assert terrazzo.__version__
