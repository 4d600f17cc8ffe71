"""What a site says of a far end, made into a lane's policy."""

from __future__ import annotations

import pytest

from engine.far_ends import keys_target, policy_of
from engine.site.release import DestinationPlace
from engine.site.schema.destination import BatchFile, FolderFile, HttpFile, MllpFile

BATCH = BatchFile(path="/batch", most=50)
PLACE = DestinationPlace("http://127.0.0.1:1", None, None)


@pytest.mark.parametrize(
    ("probe", "honours", "shown", "most", "repeats"),
    [
        ("/documents/{reference}", False, False, 50, False),
        ("/documents/{reference}", True, True, 50, True),
        (None, False, False, 50, False),
        (None, True, False, 50, False),
        (None, True, True, 1, True),  # a batch was never shown to honour keys
    ],
)
def test_what_is_sent_again_under_its_key_goes_alone(probe, honours, shown, most, repeats):
    end = HttpFile(kind="http", settle=1.0, probe=probe, batch=BATCH, honours_idempotency=honours)
    policy = policy_of(end, shown)
    assert (policy.batch_most, policy.repeats, policy.asks) == (most, repeats, probe is not None)


def test_what_is_only_said_of_keys_is_not_relied_upon():
    end = MllpFile(kind="mllp", settle=1.0, honours_idempotency=True)
    assert not policy_of(end, keys_shown=False).repeats
    assert policy_of(end, keys_shown=True).repeats


def test_a_folder_is_always_asked():
    assert policy_of(FolderFile(kind="file"), keys_shown=False).asks


def test_what_was_shown_is_true_of_the_key_where_it_was():
    one = HttpFile(kind="http", settle=1.0, idempotency_header="Idempotency-Key")
    other = HttpFile(kind="http", settle=1.0)
    assert keys_target("erp", one, PLACE) != keys_target("erp", other, PLACE)
