"""`capture`, with a real store: messages that came in become tests that pass and show nobody."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from engine.activation import activate
from engine.cli.capturing import _taken
from engine.clock import SystemClock, to_us
from engine.domain.changes import Received
from engine.domain.status import MessageState
from engine.errors import UsageError
from engine.observe.logs import EngineLog
from engine.pipeline.stepper import Stepper
from engine.site.compile import compile_environment, load_site
from engine.store.sqlite import SqliteStore

YEAR_END = datetime(2026, 12, 30, 16, tzinfo=UTC)
WHO = ("Holloway", "Rosalind", "MRN7001234", "ACC8800119", "19580412", "555-867-5309", "T990017", "T990018")


def charge(control: str, *lines: str, day: str = "20261230") -> bytes:
    return "\r".join((
        f"MSH|^~\\&|EHR|NORTH|S|E|{day}101500||DFT^P03|{control}|P|2.5.1",
        "PID|1||MRN7001234^^^NORTH^MR||Holloway^Rosalind||19580412|F|||12 Elm^^Chicago^IL||555-867-5309|||||"
        "ACC8800119^^^NORTH^AN",
        "PV1|1|I|OR^ROOM4^1^NORTH||||||||||||||||VN7700118^^^NORTH^VN|COM",
        *lines,
    )).encode()  # fmt: skip


def knee(number: str, kind: str = "CG", names: str = "") -> str:
    return f"FT1|1|{number}||20261230094500||{kind}|IMP-FEM-07^For Rosalind|||1|4200.00|4200.00|OR-NORTH" + (
        f"{'|' * 18}{names}" if names else ""
    )


VEND = (
    b"MSH|^~\\&|CABINET|NORTH|S|E|20261230073045||OMS^O05|CAB77001|P|2.5.1\r"
    b"PID|1||MRN7001234^^^NORTH^MR||Holloway^Rosalind||19580412|||||||||||ACC8800119^^^NORTH^AN\r"
    b"ZPM|V|DISPENSE|CAB-3W|D2|P04|DRG-CEF-1G^CEFAZOLIN 1 G|MED|24|24|2|N4410^ELM^IDA|||NORTH|MS3W-NORTH|S1|||"
    b"20261230073010|CF2281|SN-88-1234|||||||||||||VL\r"
)


class NoLanes:
    def reserve(self, destination, lane):
        return False

    def release(self, destination, lane): ...

    def offer(self, outgoing): ...

    def wake(self, destination, priority): ...


async def _receive(folder, messages: list[tuple[str, str, bytes]]) -> None:
    site, clock = load_site(folder), SystemClock()
    store = SqliteStore(
        compile_environment(site).store, site="north-general", environment="demo", clock=clock
    )
    await store.start()
    stepper = Stepper(
        store, store, NoLanes(), clock, await activate(store, site, clock, "engine"), EngineLog()
    )
    await store.submit([
        Received(feed, to_us(YEAR_END), kind, f"X{number}", raw, None, MessageState.PENDING, "", "AA", None)
        for number, (feed, kind, raw) in enumerate(messages)
    ])  # fmt: skip
    await stepper.start()
    await stepper.idle()
    await stepper.stop()
    await store.stop()


@pytest.fixture
def receive(desk):
    """Messages come in; the first is number 4."""
    return lambda *messages: asyncio.run(_receive(desk.site, list(messages)))


def files(desk) -> dict[str, bytes]:
    return {
        str(path.relative_to(desk.site)): path.read_bytes()
        for path in (desk.site / "channels").rglob("*")
        if path.is_file()
    }


def capture(desk, *arguments: str, channel: str = "ehr-usage", name: str = "a captured one"):
    return desk.run("capture", *arguments, "--channel", channel, "--name", name)


def passes(desk) -> str:
    checked = desk.run("check", str(desk.site), site=False)
    assert checked.exit_code == 0, checked.output
    tested = desk.run("test", str(desk.site), site=False)
    assert tested.exit_code == 0, tested.output
    return tested.stdout


def test_a_charge_and_its_credit_become_tests_that_still_belong_together(desk, receive):
    receive(
        ("ehr", "DFT^P03", charge("C77001", knee("T990017"))),
        ("ehr", "DFT^P03", charge("C77002", knee("T990018", "CD", "T990017"))),
    )
    before = files(desk)
    result = capture(desk, "4", "5", name="a credit names its charge")
    assert result.exit_code == 0, result.output
    assert "message 5: in the store it has other effects" in result.stdout
    assert "ehr-usage: a credit names its charge, 2 of 2" in passes(desk)
    after = files(desk)
    new = {path: data for path, data in after.items() if before.get(path) != data}
    assert set(before) <= set(after)
    assert not [(who, path) for who in WHO for path, data in new.items() if who.encode() in data]
    assert new["channels/ehr-usage.yaml"].startswith(before["channels/ehr-usage.yaml"])
    one, two = (
        (desk.site / f"channels/samples/ehr-usage-a-credit-names-its-charge-{n}-of-2.hl7")
        .read_text()
        .splitlines()
        for n in (1, 2)
    )
    assert one[1] == two[1]
    assert one[3].split("|")[2] == two[3].split("|")[31]
    document = json.loads(new["channels/samples/ehr-usage-a-credit-names-its-charge-1-of-2-charge.json"])
    assert document["account"] == one[1].split("|")[18].partition("^")[0]
    assert document["lines"][0]["service_date"].replace("-", "") == one[3].split("|")[4][:8]


def test_dates_move_only_as_far_as_tables_say_the_same(desk, receive):
    receive(("ehr", "DFT^P03", charge("C77001", knee("T990017"))))
    for number in range(6):
        result = capture(desk, "4", name=f"before the cost center changes {number}")
        assert result.exit_code == 0, result.output
        assert "does otherwise" not in result.stdout
        issue = desk.site / f"channels/samples/ehr-usage-before-the-cost-center-changes-{number}-issue.json"
        document = json.loads(issue.read_text())
        assert document["lines"][0]["cost_center"] == "71000"
        assert document["posting_date"] < "2026-12-30"


def test_where_every_way_to_move_the_dates_changes_the_rows_it_is_said(desk, receive):
    charges = desk.site / "mappings" / "tables" / "charges.csv"
    charges.write_text(charges.read_text().replace(
        "IMP-FEM-05,*,27810105,yes,0278,1,,\n",
        "IMP-FEM-05,*,27810190,yes,0278,1,,2026-12-28\nIMP-FEM-05,*,27810105,yes,0278,1,2026-12-29,2026-12-31\n"
        "IMP-FEM-05,*,27810191,yes,0278,1,2027-01-01,\n",
    ))  # fmt: skip
    receive(("ehr", "DFT^P03", charge("C77001", knee("T990017").replace("FEM-07", "FEM-05"))))
    result = capture(desk, "4")
    assert result.exit_code == 0, result.output
    assert "message 4: its test does otherwise than the message: charge[1].lines[1].code" in result.stdout
    passes(desk)


def test_a_cabinet_keeps_what_its_map_reads_and_nothing_else(desk, receive):
    receive(("cabinet", "OMS^O05", VEND))
    result = capture(desk, "4", channel="cabinet-vends", name="two vials leave")
    assert result.exit_code == 0, result.output
    passes(desk)
    fields = (
        (desk.site / "channels/samples/cabinet-vends-two-vials-leave.hl7")
        .read_text()
        .splitlines()[2]
        .split("|")
    )
    assert (fields[1], fields[3:6], fields[10], fields[20], fields[34]) == (
        "V",
        ["CAB-3W", "D2", "P04"],
        "2",
        "CF2281",
        "VL",
    )
    assert fields[6] == "DRG-CEF-1G^TEXT"
    assert fields[11] != "N4410^ELM^IDA"
    assert fields[21] != "SN-88-1234"
    document = json.loads(
        (desk.site / "channels/samples/cabinet-vends-two-vials-leave-issue.json").read_text()
    )
    assert document["lines"][0]["quantity"] == "2"


def test_a_leak_is_refused_by_its_place_and_nothing_is_written(desk, receive):
    leaking = charge("C77001", knee("T990017").replace("OR-NORTH", "HOLLOWAY"))
    receive(("ehr", "DFT^P03", leaking))
    before = files(desk)
    result = capture(desk, "4")
    assert result.exit_code == 1
    assert "message 4 FT1[1]-13.1: CAP005" in result.stderr
    assert not [who for who in WHO if who.casefold() in result.output.casefold()]
    named = capture(desk, "1", name="Knee of M1000001")
    assert named.exit_code == 0, named.output
    assert {path: data for path, data in files(desk).items() if path in before} != before
    assert not [path for path in files(desk) if "a-captured-one" in path]


def test_an_hl7_document_is_expected_field_by_field(desk):
    config = desk.site / "config" / "suture.yaml"
    config.write_text(config.read_text().split("    takes:\n      /charges")[0])
    (desk.site / "mappings" / "billing" / "charge.yaml").write_text(
        "write: hl7\nmessage: DFT^P03\ndocument:\n  MSH-3: {text: SUTURE}\n  PID-18: account\n"
        "  FT1: {each: lines, give: {FT1-1: number, FT1-7.1: charge.charge_code, FT1-10: quantity}}\n"
    )
    for channel in (desk.site / "channels").glob("*.yaml"):
        channel.write_text(channel.read_text().split("\ntests:")[0] + "\n")
    result = capture(desk, "1")
    assert result.exit_code == 0, result.output
    document = json.loads((desk.site / "channels/samples/ehr-usage-a-captured-one-charge.json").read_text())
    assert document["1 MSH"]["MSH-10"] == "*"
    assert document["3 FT1"]["FT1-7"] == "27810106"
    passes(desk)


def test_a_document_that_tells_who_it_is_is_refused(desk, receive):
    receive(("ehr", "DFT^P03", charge("C77001", knee("T990017"))))
    issue = desk.site / "mappings" / "erp" / "goods-issue.yaml"
    issue.write_text(
        issue.read_text().replace("document:\n", "document:\n  note?: {text: as Holloway wishes}\n")
    )
    for samples in (desk.site / "channels").glob("*.yaml"):
        samples.write_text(samples.read_text().split("\ntests:")[0] + "\n")
    before = files(desk)
    result = capture(desk, "4")
    assert result.exit_code == 1
    assert "channels/samples/ehr-usage-a-captured-one-issue.json note: CAP005" in result.stderr
    assert "olloway" not in result.output
    assert files(desk) == before


def test_a_name_that_tells_who_it_is_is_refused(desk, receive):
    receive(("ehr", "DFT^P03", charge("C77001", knee("T990017"))))
    before = files(desk)
    result = capture(desk, "4", name="a knee for Rosalind")
    assert result.exit_code == 1
    assert "--name: CAP005" in result.stderr
    assert files(desk) == before


def test_who_captured_what_is_written_down(desk):
    assert capture(desk, "1").exit_code == 0
    (act,) = desk.json("acts")
    assert (act["verb"], act["target"], act["detail"]) == (
        "capture",
        "messages 1",
        {"messages": 1, "channel": "ehr-usage"},
    )
    assert act["actor"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("9", "--channel", "ehr-usage", "--name", "x"), "CTL004"),
        (("1", "--channel", "ehr-usages", "--name", "x"), "CAP001"),
        (("1", "--channel", "adt", "--name", "x"), "CAP002"),
        (("1", "--channel", "adt", "--name", "an admission is remembered"), "CAP004"),
    ],
)  # fmt: skip
def test_what_cannot_be_captured_is_said(desk, arguments, code):
    before = files(desk)
    result = desk.run("capture", *arguments)
    assert result.exit_code == 2
    assert code in result.stderr
    assert files(desk) == before
    assert desk.json("acts") == []


def test_a_message_that_no_channel_reads(desk, receive):
    receive(("ehr", "OML^O21", b"MSH|^~\\&|EHR|NORTH|S|E|20261230||OML^O21|C1|P|2.5.1\r"))
    result = capture(desk, "4")
    assert (result.exit_code, "no channel reads it" in result.stderr) == (2, True)


async def test_a_message_whose_bytes_are_gone():
    class Pruned:
        async def inbound(self, message):
            return None

    class View:
        id = 7

    with pytest.raises(UsageError) as caught:
        await _taken(Pruned(), View())
    assert caught.value.code == "CAP003"


def test_a_site_whose_tests_fail_is_mended_first(desk):
    charge = desk.site / "channels" / "samples" / "charge-screw.json"
    charge.write_text(charge.read_text().replace("27811420", "27811421"))
    before = files(desk)
    result = capture(desk, "1")
    assert (result.exit_code, "CAP009" in result.stderr) == (1, True)
    assert files(desk) == before


def test_files_of_another_test_are_not_overwritten(desk):
    (desk.site / "channels" / "samples" / "ehr-usage-a-captured-one.hl7").write_text("MSH|")
    before = files(desk)
    assert "CAP010" in capture(desk, "1").stderr
    assert files(desk) == before


def scanned(control: str, *items: str) -> bytes:
    return "\r".join((
        f"MSH|^~\\&|ORSYS|SOUTH|S|E|20261230101500||CSU^C10|{control}|P|2.5.1",
        "PID|1||MRN7001234^^^SOUTH^MR||Holloway^Rosalind||19580412|F||||||||||ACC8800119^^^SOUTH^AN",
        "PV1|1|I|ORS^OR2||||||||||||||||V7700118|COM",
        "CSR|C990017",
        "CSS|1|20261230081500",
        *(f"OBX|{number}|XX|USED||{item}^^^1^EA^^^OR-SOUTH" for number, item in enumerate(items, 1)),
    )).encode()  # fmt: skip


def test_a_scanned_case_becomes_a_test_whose_barcodes_are_read_and_whose_serial_numbers_are_others(
    desk, receive
):
    receive((
        "ehr",
        "CSU^C10",
        scanned("C1", "(01)00380652100014(17)290131(10)L2217(21)SN88-1234", "IMP-FEM-06",
                "+A999STM120/$$3290630LOT55A/SSN00127781O", "(01)00380652100015(10)M33187(21)SN99-4321"),
    ))  # fmt: skip
    done = capture(desk, "4", channel="case-usage", name="a scanned case")
    assert done.exit_code == 0, done.output
    passes(desk)
    said = (desk.site / "channels/samples/case-usage-a-scanned-case.hl7").read_text()
    assert not [one for one in ("SN88", "1234", "SN00127781", "SN99", "4321", "M33187") if one in said]
    assert "(01)00380652100014(17)290131(10)L2217(21)" in said
    assert "+A999STM120/$$3290630LOT55A/S" in said
    assert "IMP-FEM-06" in said
    issued = json.loads((desk.site / "channels/samples/case-usage-a-scanned-case-issue.json").read_text())
    assert [(line["item"], line.get("lot")) for line in issued["lines"]] == [
        ("1000107", "L2217"),
        ("1000106", None),
    ]
