"""The log of the workers stays short."""

from pathlib import Path

from terrazzo.serving.jobs.worker_log import cut_log


def test_a_long_log_keeps_whole_lines_of_its_end(tmp_path: Path) -> None:
    """Of 10 lines of 6 bytes, 20 bytes hold 3 whole ones."""
    log = tmp_path / "worker.log"
    log.write_bytes(b"".join(b"line%d\n" % number for number in range(10)))
    with log.open("ab") as worker:
        cut_log(log, longest=59, kept=20)
        assert log.read_bytes() == b"line7\nline8\nline9\n"
        worker.write(b"after\n")
    assert log.read_bytes() == b"line7\nline8\nline9\nafter\n"


def test_a_short_log_and_none_at_all_are_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    cut_log(log)
    assert not log.exists()
    log.write_bytes(b"line\n" * 10)
    cut_log(log, longest=50, kept=20)
    assert log.read_bytes() == b"line\n" * 10
