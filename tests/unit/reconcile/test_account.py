"""The account of rule 24: everything in one place, debits and credits apart, unpriced counted and never 0.00."""

from __future__ import annotations

from decimal import Decimal

from engine.domain.posting import Action, Measure
from engine.domain.views import AccountRow, HeldGroup, OtherAmount
from engine.reconcile.account import STATES, effect_accounts, report


def row(state: str, effects: int, amount: str = "0", unpriced: int = 0, action: Action = Action.POST):
    return AccountRow("billing", "charge", action, Measure.STATED, state, effects, Decimal(amount), unpriced)


def test_expected_is_the_sum_of_all_states():
    (account,) = effect_accounts([row(state, number) for number, state in enumerate(STATES, 1)])
    assert account.expected == sum(range(1, len(STATES) + 1))


def test_only_what_is_delivered_is_money():
    (account,) = effect_accounts(
        [row("delivered", 2, "30.00"), row("held", 1, "99.00"), row("waiting", 1, "7.00")]
    )
    assert account.money == Decimal("30.00")


def test_reversals_stand_beside_and_are_never_netted():
    posts, reversals = effect_accounts(
        [row("delivered", 2, "30.00"), row("delivered", 1, "-10.00", action=Action.REVERSE)]
    )
    assert (posts.money, reversals.money) == (Decimal("30.00"), Decimal("-10.00"))


def test_what_has_no_price_is_counted():
    (account,) = effect_accounts([row("delivered", 3, "20.00", unpriced=1)])
    assert (account.money, account.unpriced) == (Decimal("20.00"), 1)


def test_the_report_is_settled_when_nothing_waits_is_unknown_or_pending():
    def settled(state: str, message: str = "routed") -> bool:
        return report({("ehr", message): 1}, {}, [row(state, 1)], [], [])["settled"]

    assert settled("delivered")
    assert settled("held")
    assert not settled("waiting")
    assert not settled("unknown")
    assert not settled("delivered", "pending")


def test_the_report_counts_messages_by_state_and_feed():
    told = report({("ehr", "routed"): 2, ("ehr", "held"): 1, ("cabinet", "routed"): 4}, {}, [], [], [])
    assert told["messages"]["total"] == 7
    assert told["messages"]["by_state"] == {"routed": 6, "held": 1}


def test_the_worklist_stands_in_the_report_as_it_is_held():
    group = HeldGroup("finance", "MAP033 x", 2, 1, 1, Decimal("5.00"), 0, 1, 2, (7,))
    (told,) = report({}, {}, [], [group], [])["worklist"]
    assert (told["owner"], told["cause"], told["lines"]) == ("finance", "MAP033 x", 1)


def test_documents_with_another_amount_stand_in_the_report():
    other = OtherAmount("billing", "charge", "REF", "INV-1", 7, Decimal("12.50"), Decimal("12.49"))
    (told,) = report({}, {}, [], [], [other])["other_amounts"]
    assert (told["posted"], told["booked"], told["message"]) == ("12.50", "12.49", 7)
