"""Names from clients: what is shown of them."""

import pytest

from terrazzo.serving.uploads.titles import LONGEST, title_of


@pytest.mark.parametrize(
    ("named", "title"),
    [
        ("a.tif", "a.tif"),
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\win.ini", "win.ini"),
        ("%2e%2e%2fetc%2fshadow", "shadow"),
        ("M%C3%BCnchen%20Nord.tif", "München Nord.tif"),
        ("a\tb\x00c\x1b[31m.tif", "abc[31m.tif"),
        ("a%E2%80%AEfit.exe", "afit.exe"),  # the mark that writes what follows from right to left
        ("..", None),
        ("/", None),
        ("", None),
    ],
)
def test_only_the_last_part_is_kept_without_what_a_terminal_would_obey(named: str, title: str | None) -> None:
    assert title_of(named, None) == title


def test_a_title_has_at_most_200_characters() -> None:
    assert title_of("x" * 999, None) == "x" * 200
    assert LONGEST == 200


def test_content_disposition_is_read_in_both_of_its_forms() -> None:
    assert title_of(None, 'attachment; filename="../a.tif"') == "a.tif"
    assert title_of(None, "attachment; filename*=UTF-8''M%C3%BCnchen.tif") == "München.tif"
    assert title_of(None, "inline") is None
    assert title_of(None, None) is None
