"""The report of `benchmarks.gpu` as Markdown."""

from collections.abc import Sequence
from typing import Any


def markdown(report: dict[str, Any]) -> str:
    """The report as tables."""
    training, mapping = report["training"], report["mapping"]
    lines = [
        f"# {report['device']}",
        "",
        f"torch {report['torch']}; bf16 product {report['matrix_tflops']:.3g} TFLOP/s",
    ]
    lines += table(
        ("batch", "bare images/s", "peak memory, MB", "share of the bf16 rate"),
        [
            [row["batch_size"], row["images_per_s"], row["peak_memory_mb"], row["matrix_share"]]
            for row in training["bare"]
        ],
    )
    rates = training["images_per_s"]
    lines += table(
        (f"batch {training['batch_size']}", "images/s", "fit over it"),
        [[name, value, rates["fit"] / value] for name, value in rates.items()],
    )
    rates = mapping["mpx_per_s"]
    lines += table(
        ("mapping", "Mpx/s", "over bare"), [[name, each, each / rates["bare"]] for name, each in rates.items()]
    )
    dubai, waits = training["dubai"], training["waits_a_step"]
    lines += ["", f"100 epochs of {dubai['recipe']} on {dubai['patches']} patches: {dubai['minutes']:.1f} minutes."]
    if waits is not None:
        lines += ["", f"A training step makes the host wait {waits:g} times."]
    return "\n".join(lines) + "\n"


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """A Markdown table, with an empty line before it."""
    cells = [
        ["-" if each is None else f"{each:.3g}" if isinstance(each, float) else str(each) for each in row]
        for row in rows
    ]
    return ["", *(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *cells))]
