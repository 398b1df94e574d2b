"""Which workers are there, and whether they can train."""

from terrazzo.serving.http.work.machines import AWAY_SECONDS, Machines


def test_a_machine_that_trains_is_there_until_it_is_silent_for_too_long() -> None:
    now = [0.0]
    machines = Machines(lambda: now[0])
    assert not machines.any_trains()
    machines.saw("remote:nas:", trains=False)
    assert not machines.any_trains()
    machines.saw("remote:gpu:", trains=True)
    now[0] = 60
    machines.saw("remote:gpu:")  # a heartbeat, which need not say it again
    now[0] = 60 + AWAY_SECONDS
    assert machines.any_trains()
    now[0] += 1
    assert not machines.any_trains()


def test_a_machine_that_says_that_it_trains_no_more_does_not() -> None:
    machines = Machines(lambda: 0.0)
    machines.saw("remote:gpu:", trains=True)
    machines.saw("remote:gpu:", trains=False)
    assert not machines.any_trains()
