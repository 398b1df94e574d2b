"""The page's cookies."""

from terrazzo.serving.http.access.sessions import COOKIE, SECONDS, Sessions, value_in
from terrazzo.serving.http.site import Caller

ANNA = Caller("anna", "user")


def test_a_session_names_its_caller_until_it_ends() -> None:
    time = [0.0]
    sessions = Sessions(lambda: time[0])
    value = sessions.begin(ANNA)
    assert len(value) == 43  # 32 random bytes in base64
    assert sessions.caller(f"other=1; {COOKIE}={value}") == ANNA
    time[0] = SECONDS - 1.0
    assert sessions.caller(f"{COOKIE}={value}") == ANNA
    time[0] = SECONDS
    assert sessions.caller(f"{COOKIE}={value}") is None


def test_a_logout_ends_one_session_alone() -> None:
    sessions = Sessions(lambda: 0.0)
    first, second = sessions.begin(ANNA), sessions.begin(ANNA)
    assert first != second
    sessions.end(f"{COOKIE}={first}")
    sessions.end("nothing")
    assert sessions.caller(f"{COOKIE}={first}") is None
    assert sessions.caller(f"{COOKIE}={second}") == ANNA


def test_what_is_no_cookie_of_ours_names_nobody() -> None:
    sessions = Sessions(lambda: 0.0)
    sessions.begin(ANNA)
    assert [sessions.caller(text) for text in ("", f"{COOKIE}=", f"{COOKIE}=x", "a\x00=b", ";;;=")] == [None] * 5
    assert value_in(f'{COOKIE}="quoted"') == "quoted"


def test_the_number_of_sessions_is_bounded() -> None:
    sessions = Sessions(lambda: 0.0)
    for _ in range(10_001):
        sessions.begin(ANNA)
    assert len(sessions._open) == 10_000
