"""The report of benchmarks.gpu, from figures by hand."""

from benchmarks.gpu_report import markdown, table


def test_a_table_rounds_to_three_digits_and_marks_what_is_not_known() -> None:
    found = table(("a", "b"), [[8, 1.23456], [16, None]])
    assert found == ["", "| a | b |", "| --- | --- |", "| 8 | 1.23 |", "| 16 | - |"]


def test_ratios_are_those_of_fit_and_of_the_bare_network() -> None:
    text = markdown(
        {
            "device": "Card, bf16",
            "torch": "9",
            "matrix_tflops": 400.0,
            "training": {
                "bare": [{"batch_size": 8, "images_per_s": 100.0, "peak_memory_mb": 512.0, "matrix_share": 0.25}],
                "batch_size": 8,
                "images_per_s": {"fit": 96.0, "bare": 100.0, "plain float32": 48.0},
                "waits_a_step": 0.0,
                "dubai": {"recipe": "dubai", "patches": 960, "minutes": 16.7},
            },
            "mapping": {"mpx_per_s": {"bare": 50.0, "map": 40.0}},
        }
    )
    for line in (
        "| 8 | 100 | 512 | 0.25 |",
        "| bare | 100 | 0.96 |",
        "| plain float32 | 48 | 2 |",
        "| map | 40 | 0.8 |",
        "100 epochs of dubai on 960 patches: 16.7 minutes.",
        "A training step makes the host wait 0 times.",
    ):
        assert line in text.splitlines()
