"""What `suture files` says of one file."""

from __future__ import annotations

import pytest

from engine.cli.filed import _line
from engine.domain.filing import FileState
from engine.domain.views import FileView


@pytest.mark.parametrize(
    ("held", "refused", "waiting", "said"),
    [
        ("", 0, 0, "archived   4 messages  night.csv"),
        ("", 1, 2, "archived   4 messages  night.csv; 1 refused; 2 held"),
        ("FIL006 counts", 0, 4, "archived   4 messages  night.csv; 4 held: FIL006 counts"),
    ],
)
def test_a_file_says_how_many_of_its_messages_are_refused_or_held(
    held: str, refused: int, waiting: int, said: str
):
    view = FileView(1, "nightly", "night.csv", 4, held, 0, FileState.ARCHIVED, 4, refused, waiting)
    assert _line(view).endswith(said)
