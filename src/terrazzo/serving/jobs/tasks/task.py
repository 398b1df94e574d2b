"""Which task computes which job."""

from collections.abc import Mapping
from typing import Any

from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST
from terrazzo.serving.jobs.tasks.reporting import Report


def compute(assignment: Assignment, report: Report) -> Mapping[str, Any]:
    """The result of a job, whose files are in place. Raises TerrazzoError with the line that says why not."""
    if assignment.process == IMPROVE:
        from terrazzo.serving.jobs.tasks.improving import improve

        return improve(assignment, report)
    if assignment.process == SUGGEST:
        from terrazzo.serving.jobs.tasks.suggesting import suggest_boxes

        return suggest_boxes(assignment, report)
    from terrazzo.serving.jobs.tasks.mapping import map_image

    return map_image(assignment, report)
