"""Batches spread over devices come in order, each computed by one device."""

import threading

import pytest

from terrazzo.evaluation.patchwise.sharing import spread


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_results_are_in_order_and_batch_i_is_of_device_i_modulo_their_number(n: int) -> None:
    devices = [f"device {number}" for number in range(n)]
    found = list(spread(devices, lambda device, batch: (batch, device), range(7)))
    assert found == [(batch, devices[batch % n]) for batch in range(7)]


def test_devices_work_at_the_same_time_and_no_further_ahead_than_they_are_many() -> None:
    meeting, begun = threading.Barrier(2, timeout=30), []

    def work(device: int, batch: int) -> int:
        begun.append(batch)
        if batch < 2:
            meeting.wait()  # passed by both at once, or by none
        return batch

    results = spread([0, 1], work, range(20))
    assert next(results) == 0
    assert max(begun) <= 2
    assert list(results) == list(range(1, 20))


def test_an_error_of_a_device_is_raised_at_its_place() -> None:
    def work(device: int, batch: int) -> int:
        if batch == 3:
            raise ValueError("batch 3")
        return batch

    results, found = spread([0, 1], work, range(9)), []
    with pytest.raises(ValueError, match="batch 3"):
        for each in results:
            found.append(each)
    assert found == [0, 1, 2]
