"""Whom a message is about, as the read maps of its channels say."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.activation import table_files
from engine.domain.message import Inbound, MessageId
from engine.pipeline.people import ANYBODY, NOBODY, people_of
from engine.site.compile import compile_release, load_site

ROOT = Path(__file__).parents[3]
MSH = "MSH|^~\\&|EHR|NORTH|S|E|20261120101500||{}|1|P|2.5.1\r"
PID = "PID|1||M1^^^NORTH^MR|||||||||||||||{}^^^NORTH^AN\r"


@pytest.fixture(scope="module")
def release():
    site = load_site(ROOT)
    return compile_release(site, {name: site.files[path] for name, path in table_files(site).items()})


def about(release, text: str):
    return people_of(release, Inbound(MessageId(1), "ehr", 0, text.encode(), None))


def usage(account: str) -> str:
    return MSH.format("DFT^P03") + PID.format(account) + "PV1|1|I|||||||||||||||||V9\rFT1|1|T1\r"


def test_a_charge_is_about_its_account_visit_and_patient(release):
    found = about(release, usage("A1"))
    assert len(found.named) == 3
    assert found.lanes == found.named[:1]  # the account makes the lane


def test_two_messages_of_one_account_share_it_and_of_two_do_not(release):
    first, same, other = (about(release, usage(account)) for account in ("A1", "A1", "A2"))
    assert first.lanes == same.lanes
    assert first.lanes != other.lanes


def test_a_merge_is_about_the_survivor_and_who_ends(release):
    merge = about(release, MSH.format("ADT^A41") + PID.format("A1") + "MRG|M2||A2\r")
    for account in ("A1", "A2"):
        assert set(about(release, usage(account)).lanes) <= set(merge.lanes)


@pytest.mark.parametrize("text", ["", "no message", MSH.format("XYZ^Z01") + PID.format("A1")])
def test_what_cannot_be_read_or_nobody_takes_is_about_nobody(release, text):
    assert about(release, text) == NOBODY


def siu(case: str, account: str = "") -> str:
    return MSH.format("SIU^S12") + f"SCH||{case}\r" + PID.format(account)


def saved(case: str, account: str) -> str:
    return MSH.format("CSU^C10") + PID.format(account) + f"CSR|{case}\rOBX|1|XX|U||SCREW\r"


def test_usage_comes_after_what_was_told_of_its_case(release):
    told = about(release, siu("C1"))
    assert set(about(release, saved("C1", "A1")).named) & set(told.lanes)
    assert not set(about(release, saved("C2", "A1")).named) & (
        set(told.lanes) - set(about(release, siu("C2")).lanes)
    )


def test_what_only_names_its_case_may_be_about_anybody(release):
    found = about(release, saved("C1", ""))
    assert (found.named, found.lanes) == ((), (ANYBODY,))
