"""What people and rules mend through the running engine, counted in the far end's books: credits in any order, a wrong
row corrected, one side refused, a stay cancelled, replays. Rules of money, 9 to 13.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time

import pytest

from tests.acceptance.rig import Far, Suture, exchange
from tests.acceptance.test_far_end import tell
from tests.acceptance.test_lines import credit, send
from tests.acceptance.test_serve import usage

ANOTHER = {**os.environ, "LOGNAME": "another"}


@pytest.fixture
def quick(suture):
    """The example site with short waits."""
    edit(suture, "config/suture.yaml", "settle: 2s", "settle: 0.5s")
    edit(
        suture,
        "config/suture.yaml",
        "    timeout: 10s\n",
        "    timeout: 2s\n    retry: {first: 0.2s, ceiling: 1s}\n",
    )
    return suture


def edit(suture, file: str, before: str, after: str) -> None:
    path = suture.site / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def use(number: int, quantity: int, code: str = "IMP-FEM-06", account: str = "ACC1") -> bytes:
    amount = f"|{quantity}|{quantity * 100}.00|100.00|".encode()
    told = usage(number, account=account).replace(b"|1|4200.00|4200.00|", amount)
    return told.replace(b"IMP-FEM-06^", f"{code}^".encode())


def net(far) -> dict:
    """What stands in the books in the end: stock, cost centers and charges, without how it came there."""
    erp, billing = far.books("erp"), far.books("billing")
    stock = {
        item: {place: held["on_hand"] for place, held in bins.items()} for item, bins in erp["stock"].items()
    }
    return {
        "stock": stock,
        "cost_centers": {
            code: sums["net"] for code, sums in erp["cost_centers"].items() if sums["net"] != "0.00"
        },
        "charges": {
            code: sums["net"] for code, sums in billing["charges"]["codes"].items() if sums["net"] != "0.00"
        },
        "doubled": erp["doubled"] + billing["doubled"],
    }


def done(suture, *verb: str) -> dict:
    answer = suture.ask(*verb, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def until(suture, seconds: float, holds) -> dict:
    """The account, once it is as `holds` says."""
    end = time.monotonic() + seconds
    while not holds(account := suture.account()):
        assert time.monotonic() < end, account
    return account


async def test_credits_in_any_order_leave_the_books_as_in_perfect_order(tmp_path, quick, far):
    """Ten lines of three, credited by one, by two, whole or not at all; told over four connections."""
    order = random.Random(9)
    told = [use(number, 3, account=f"ACC{number % 4}") for number in range(1, 11)]
    for number in range(1, 11):
        for back, quantity in enumerate(((1,), (1, 2), (3,), ())[number % 4]):
            one = credit(100 + number * 4 + back, number, str(quantity), f"{quantity * 100}.00")
            told.append(one.replace(b"ACC1^", f"ACC{number % 4}^".encode()))
    perfect = Far(tmp_path)
    (tmp_path / "perfect").mkdir()
    clean = Suture(tmp_path / "perfect", perfect.urls)
    try:
        clean.start()
        for message in told:
            await send(clean, message)
            clean.settled()
        expected = net(perfect)
    finally:
        clean.stop()
        perfect.close()
    for mood in ({"mood": "slow", "seconds": 0.2, "every": 3}, {"mood": "lose-reply", "every": 7}):
        tell(far.urls["billing"], mood)
        tell(far.urls["erp"], mood)
    order.shuffle(told)
    quick.start()
    for start in range(0, len(told), 6):
        await send(quick, *told[start : start + 6])
    for _ in range(4):
        quick.settled(60)
        quick.ask("release", "--all", "--reason", "its original is here now")
    account = quick.settled(60)
    assert account["worklist"] == []
    assert net(far) == expected
    assert quick.stop() == 0


async def test_a_credit_of_what_never_left_cancels_both_and_a_resend_stays_a_duplicate(quick, far):
    quick.point_at({"billing": "http://127.0.0.1:9", "erp": "http://127.0.0.1:9"})
    quick.start()
    await send(quick, usage(1), credit(2, 1))
    account = until(quick, 20, lambda account: account["settled"])
    assert {(row["effect"], row["expected"], row["cancelled"]) for row in account["effects"]} == {
        ("issue", 1, 1),
        ("charge", 1, 1),
    }
    quick.stop()
    quick.point_at(far.urls)
    quick.start()
    await send(quick, usage(1).replace(b"|C1|", b"|C9|"), credit(8, 1).replace(b"T8", b"T2"))
    assert quick.settled()["messages"]["by_state"] == {"filtered": 2, "duplicate": 2}
    assert far.books("erp")["documents"] == {}
    assert far.books("billing")["documents"] == {}


@pytest.mark.parametrize("mood", [{"mood": "lose-reply", "times": 1}, {"mood": "half", "times": 1}])
async def test_a_credit_that_meets_an_unknown_goes_by_itself_once_that_is_known(quick, far, mood):
    tell(far.urls["billing"], mood)
    quick.start()
    await send(quick, usage(1), credit(2, 1))
    quick.settled()
    books = far.books("billing")
    assert (books["charges"]["debits"], books["charges"]["net"]) == ("4100.00", "0.00")
    assert not books["doubled"]


async def test_a_partial_credit_waits_and_is_held_when_its_original_is_refused(quick, far):
    tell(far.urls["billing"], {"mood": "unavailable", "times": 2, "retry_after": 0})
    tell(far.urls["billing"], {"mood": "refuse", "path": "/charges", "times": 1, "code": "period_closed"})
    quick.start()
    await send(quick, use(1, 3), credit(2, 1, "1", "100.00"))
    account = until(quick, 20, lambda account: len(account["worklist"]) == 2)
    assert {group["cause"] for group in account["worklist"]} == {
        "billing refused: 422 period_closed",
        "waits for its refused original",
    }
    assert far.books("billing")["documents"] == {}
    assert quick.ask("requeue", "--reason", "the period is open").returncode == 0
    account = until(quick, 20, lambda account: account["settled"] and not account["worklist"])
    charges = far.books("billing")["charges"]
    assert (charges["debits"], charges["credits"]) == ("12300.00", "4100.00")


async def test_a_wrong_row_that_was_live_is_corrected_as_if_it_had_been_right(tmp_path, quick, far):
    """Items and charges of one code were wrong for a while; another line of the same documents was right."""
    told = [use(number, 1 + number % 3) for number in range(1, 6)]
    told += [use(number, 2, "IMP-FEM-07") for number in range(6, 8)]
    both = re.sub(rb"(FT1\|1\|)(T8)(\|[^\r]*\r)", rb"\1T8\3\1T8B\3", use(8, 1))
    told.append(both.replace(b"IMP-FEM-06^", b"IMP-FEM-07^", 1))
    right = Far(tmp_path)
    (tmp_path / "right").mkdir()
    clean = Suture(tmp_path / "right", right.urls)
    try:
        clean.start()
        await send(clean, *told)
        clean.settled()
        expected = net(right)
    finally:
        clean.stop()
        right.close()
    tables = {name: (quick.site / f"mappings/tables/{name}.csv").read_text() for name in ("items", "charges")}
    edit(quick, "mappings/tables/items.csv", "NORTH,IMP-FEM-06,1000106", "NORTH,IMP-FEM-06,1000105")
    edit(quick, "mappings/tables/charges.csv", "IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810105")
    quick.start()
    await send(quick, *told)
    quick.settled()
    wrong = net(far)
    assert wrong != expected
    for name, text in tables.items():
        good = quick.folder / f"{name}.csv"
        good.write_text(text)
        assert quick.ask("tables", "import", name, str(good), "--reason", "mended").returncode == 0
    dry = done(quick, "correct", "--feed", "ehr", "--dry-run")
    assert net(far) == wrong
    assert {(one["effect"], one["what"]) for one in dry["changes"]} == {
        ("issue", "reverse and repost"),
        ("charge", "reverse and repost"),
    }
    assert {one["message"] for one in dry["changes"]} == {1, 2, 3, 4, 5, 8}
    assert quick.ask("correct", "--feed", "ehr").returncode == 2
    answer = done(quick, "correct", "--feed", "ehr", "--reason", "wrong item since Monday")
    assert answer["changed"] == [1, 2, 3, 4, 5, 8]
    quick.settled()
    assert net(far) == expected
    assert far.books("erp")["documents"] == {"goods-issue": 14, "goods-return": 6}
    assert done(quick, "correct", "--feed", "ehr", "--dry-run")["changes"] == []
    acts = done(quick, "acts")
    assert sum(act["verb"] == "correct" for act in acts) == 6
    shown = done(quick, "show", "1")
    assert {(effect["action"], effect["version"]) for effect in shown["effects"]} == {
        ("post", 1),
        ("post", 2),
        ("reverse", 1),
    }


async def test_what_is_posted_anew_waits_until_the_wrong_is_taken_back(quick, far):
    quick.start()
    await send(quick, usage(1))
    quick.settled()
    good = quick.folder / "charges.csv"
    good.write_text(
        (quick.site / "mappings/tables/charges.csv")
        .read_text()
        .replace("IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810105")
    )
    assert quick.ask("tables", "import", "charges", str(good)).returncode == 0
    tell(far.urls["billing"], {"mood": "refuse", "path": "/credits", "times": 1, "code": "period_closed"})
    assert quick.ask("correct", "1", "--reason", "wrong code").returncode == 0
    account = until(quick, 20, lambda account: len(account["worklist"]) == 2)
    assert {group["cause"] for group in account["worklist"]} == {
        "billing refused: 422 period_closed",
        "billing waits for its reversal",
    }
    assert far.books("billing")["documents"] == {"charge": 1}
    assert quick.ask("requeue", "--reason", "open again").returncode == 0
    until(quick, 20, lambda account: account["settled"] and not account["worklist"])
    assert net(far)["charges"] == {"27810105": "4050.00"}


async def test_a_changed_line_is_corrected_where_the_channel_says_so(quick, far):
    edit(quick, "channels/ehr-usage.yaml", "changed: hold", "changed: correct")
    quick.start()
    await send(quick, use(1, 3))
    quick.settled()
    again = use(2, 2).replace(b"T2", b"T1")
    await send(quick, again)
    quick.settled()
    assert net(far)["charges"] == {"27810106": "8200.00"}
    await send(quick, again.replace(b"|C2|", b"|C3|"), use(1, 3).replace(b"|C1|", b"|C4|"))
    assert quick.settled()["messages"]["by_state"] == {"routed": 3, "duplicate": 1}
    assert net(far)["charges"] == {"27810106": "12300.00"}
    assert far.books("billing")["charges"]["debits"] == "32800.00"


async def test_another_person_approves_where_the_site_asks(quick, far):
    edit(
        quick, "config/suture.yaml", "currency: USD\n", "currency: USD\ncorrections: {second_person: true}\n"
    )
    quick.start()
    await send(quick, usage(1))
    quick.settled()
    asked = done(quick, "undo", "1", "--reason", "never used")["asked"]
    assert net(far)["charges"] == {"27810106": "4100.00"}
    assert "CTL012" in quick.ask("approve", str(asked)).stderr
    os.environ["LOGNAME"], before = "another", os.environ.get("LOGNAME")
    try:
        assert quick.ask("approve", str(asked), "--reason", "seen").returncode == 0
        assert "CTL011" in quick.ask("approve", str(asked)).stderr
    finally:
        os.environ["LOGNAME"] = before or ""
    quick.settled()
    assert net(far)["charges"] == {}
    undone = [act for act in done(quick, "acts") if act["verb"] == "undo"]
    assert [act["reason"] for act in undone] == ["never used (approved by another)"]


async def test_a_row_that_two_persons_agree_on_lets_go_what_waited_for_it_and_no_more(
    quick, far, monkeypatch
):
    """Proposed by one, approved by another, beside a running engine that is killed in between."""
    edit(quick, "mappings/tables/feed-units.yaml", "owner:", "approval: second person\nowner:")
    unmapped = [use(number, 1, code) for number, code in ((1, "NEW-1"), (2, "NEW-2"))]
    quick.start()
    await send(quick, *unmapped)
    first, second = "MAP033 feed-units: code=NEW-1", "MAP033 feed-units: code=NEW-2"
    until(quick, 20, lambda account: {group["cause"] for group in account["worklist"]} == {first, second})
    monkeypatch.setenv("LOGNAME", "ann")
    done(quick, "tables", "add", "feed-units", "code=NEW-1", "unit=EA", "--reason", "new")
    done(quick, "map", second, "unit=EA", "--reason", "new")
    proposed = {group["cause"]: group["proposed"] for group in done(quick, "worklist")}
    assert proposed == {first: [1], second: [2]}
    assert "APR001" in quick.ask("tables", "approve", "feed-units", "1").stderr
    done(quick, "release", "--all", "--reason", "nothing is in force yet")
    assert causes_of(quick) == {first, second}
    quick.stop(signal.SIGKILL)
    quick.start()
    monkeypatch.setenv("LOGNAME", "bob")
    assert done(quick, "tables", "approve", "feed-units", "1", "--reason", "seen")["version"] == 2
    assert causes_of(quick) == {first, second}  # a row that was only added releases nothing
    assert done(quick, "tables", "approve", "feed-units", "2")["version"] == 3
    assert first in causes_of(quick)  # what waits for another row is not touched, though it could go
    assert second not in causes_of(quick)
    assert any("code=NEW-2" in cause for cause in causes_of(quick))  # its item is missing, too
    done(quick, "release", "--cause", first)
    assert not any("feed-units" in cause for cause in causes_of(quick))
    assert net(far)["charges"] == {}
    acts = [(act["actor"], act["verb"]) for act in done(quick, "acts")]
    assert acts.count(("ann", "tables add proposed")) == 2
    assert acts.count(("bob", "tables approve")) == 2


def causes_of(suture) -> set[str]:
    return {group["cause"] for group in done(suture, "worklist")}


@pytest.mark.parametrize(("says", "returns"), [("hold", 0), ("undo others", 1)])
async def test_one_side_refused_is_a_persons_or_undone(quick, far, says, returns):
    edit(quick, "channels/ehr-usage.yaml", "no_original: hold", f"no_original: hold\non_refused: {says}")
    tell(far.urls["billing"], {"mood": "refuse", "path": "/charges", "times": 1, "code": "unknown_account"})
    quick.start()
    await send(quick, usage(1))
    until(quick, 20, lambda account: account["worklist"] and account["settled"])
    if returns:
        until(quick, 20, lambda account: far.books("erp")["documents"].get("goods-return"))
    account = quick.settled()
    assert far.books("erp")["documents"].get("goods-return", 0) == returns
    (group,) = account["worklist"]
    assert (group["cause"], group["applied"]) == ("billing refused: 422 unknown_account", 1)
    if not returns:
        answer = done(quick, "undo", "1", "--reason", "billing never takes it")
        assert [(one["effect"], one["what"]) for one in answer["changes"]] == [("issue", "reverse")]
        quick.settled()
        assert far.books("erp")["documents"]["goods-return"] == 1


def adt(number: int, event: str, at: str, account: str = "ACC1") -> bytes:
    return (
        f"MSH|^~\\&|EHR|NORTH|SUTURE|ERP|20261120120000||ADT^{event}|A{number}|P|2.5.1|||AL|NE\r"
        f"EVN|{event}|{at}\rPID|1||MRN1^^^NORTH^MR|||||||||||||||{account}^^^NORTH^AN\rPV1|1|I|OR^R4^1^NORTH\r"
    ).encode()


async def test_a_cancelled_stay_is_put_before_a_person_and_taken_off_when_it_goes_on(quick, far):
    quick.start()
    await send(quick, usage(1), adt(1, "A11", "20261120110000"), adt(2, "A11", "20261120110000", "EMPTY"))
    account = quick.settled()
    assert [group["cause"] for group in account["worklist"]] == [
        "stay cancelled: somebody decides what was posted for it"
    ]
    assert account["worklist"][0]["samples"] == [2]
    shown = done(quick, "show", "2")
    assert {(one["message"], one["effect"]) for one in shown["posted"]} == {(1, "issue"), (1, "charge")}
    assert far.books("billing")["charges"]["net"] == "4100.00"
    await send(quick, adt(3, "A13", "20261120113000"))
    assert quick.settled()["worklist"] == []
    await send(quick, adt(4, "A11", "20261120112000"))
    assert quick.settled()["worklist"] == []  # told late: the stay went on since
    await send(quick, adt(5, "A11", "20261120120000"))
    assert len(quick.settled()["worklist"]) == 1
    assert quick.ask("undo", "1", "--reason", "the stay never was").returncode == 0
    assert quick.ask("drop", "6", "--reason", "taken back").returncode == 0
    assert quick.settled()["worklist"] == []
    assert net(far)["charges"] == {}


async def test_a_replay_has_the_tables_of_then_or_of_now_and_goes_where_it_is_asked(quick, far):
    edit(quick, "mappings/tables/charges.csv", "IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810105")
    tell(far.urls["billing"], {"mood": "refuse", "path": "/charges", "times": 3, "code": "unknown_account"})
    quick.start()
    await send(quick, usage(1), usage(2), usage(3))
    until(quick, 20, lambda account: account["settled"] and account["worklist"])
    text = (quick.site / "mappings/tables/charges.csv").read_text()
    good = quick.folder / "charges.csv"
    good.write_text(text.replace("IMP-FEM-06,*,27810105", "IMP-FEM-06,*,27810106"))
    assert quick.ask("tables", "import", "charges", str(good)).returncode == 0
    assert quick.ask("drop", "1", "2", "3", "--reason", "to be told again").returncode == 0
    assert done(quick, "replay", "1", "--dry-run")["would_replay"][0]["state"] == "duplicate"
    (tried,) = done(quick, "replay", "1", "--to", "billing", "--dry-run")["would_replay"]
    assert tried["documents"] == {"charge to billing": 1}
    assert done(quick, "replay", "1", "--to", "billing")["replayed"] == {"1": 4}
    assert done(quick, "replay", "2", "--to", "billing", "--tables", "now")["replayed"] == {"2": 5}
    quick.settled()
    assert net(far)["charges"] == {"27810105": "4050.00", "27810106": "4100.00"}
    assert far.books("erp")["documents"] == {"goods-issue": 3}
    file = quick.folder / "edited.hl7"
    file.write_bytes(
        usage(3).replace(b"|T3|", b"|T3X|").replace(b"IMP-FEM-06", b"IMP-FEM-07").replace(b"\r", b"\n")
    )
    assert done(quick, "replay", "3", "--edit", str(file), "--reason", "typed wrong")["replayed"] == {"3": 6}
    quick.settled()
    assert net(far)["charges"]["27810107"] == "4200.00"
    assert done(quick, "show", "6")["message"]["relates_to"] == 3
    file.write_text("no message")
    assert "CTL015" in quick.ask("replay", "3", "--edit", str(file)).stderr


async def test_a_crash_between_a_receipt_and_what_follows_loses_nothing(quick, far):
    """The engine is killed while credits wait for originals; the next one takes them up."""
    tell(far.urls["billing"], {"mood": "slow", "seconds": 1.0})
    quick.start()
    answers = await exchange(quick.ports["ehr"], usage(1), credit(2, 1))
    assert len(answers) == 2
    until(quick, 20, lambda account: not account["messages"]["by_state"].get("pending"))
    quick.stop(9)
    quick.start()
    quick.settled(40)
    charges = far.books("billing")["charges"]
    assert (charges["debits"], charges["net"]) == ("4100.00", "0.00")
