"""What a worker says of its progress, worked by hand."""

from typing import Any

from terrazzo.serving.jobs.tasks.reporting import Report, seconds_left


def test_seconds_left_go_by_the_pace_so_far() -> None:
    assert seconds_left(10, 0, 0.5) == 10
    assert seconds_left(10, 0, 0.5, after=1) == 30
    assert seconds_left(6, 0.2, 0.5) == 10  # 0.3 took 6 s, 0.5 are left
    assert seconds_left(10, 0.5, 0.5) is None


def test_stages_share_the_job_and_earlier_pieces_count() -> None:
    said: list[dict[str, Any]] = []
    now = [0.0]
    report = Report(lambda message: said.append(dict(message)), "j", lambda: now[0])
    report.stage("training", 0, 80)
    report.count = lambda: 4
    now[0] = 10
    report.progress("steps", 1, 2)
    assert said[-1] == {"job": "j", "progress": 40, "pieces": 4, "message": "training", "seconds_left": 15.0}
    report.before, report.count = 10, lambda: 3
    report.stage("predicting", 80, 100)
    assert said[-1] == {"job": "j", "progress": 80, "pieces": 13, "message": "predicting"}
