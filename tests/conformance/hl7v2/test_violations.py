"""What real senders do to the standard, on public messages: survived, or refused with a fault and nothing
else."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.codecs.hl7v2.ack import parse_ack
from engine.codecs.hl7v2.group import Each
from engine.codecs.hl7v2.header import peek
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import compile_path, groups
from engine.errors import MessageError


def test_a_file_cut_at_any_byte_raises_message_errors_only(sample_file: Path) -> None:
    whole = sample_file.read_bytes()
    understood = 0
    for length in range(len(whole) + 1):
        for parse in (Message.parse, peek):
            try:
                parse(whole[:length])
            except MessageError:
                continue
            understood += 1
    assert understood or whole.startswith(b"FHS")


def test_the_bytes_are_kept_and_the_header_is_the_same_either_way(sample: bytes) -> None:
    message = Message.parse(sample)
    assert message.raw == sample
    assert message.header == peek(sample)


def test_a_file_of_messages_is_no_message(sample_files: list[Path]) -> None:
    batches = [path for path in sample_files if path.parent.name == "hl7v2-batch"]
    assert batches
    for path in batches:
        with pytest.raises(MessageError):
            Message.parse(path.read_bytes())


def test_a_mark_trailing_blanks_and_missing_fields_do_no_harm(samples: dict[str, bytes]) -> None:
    message = Message.parse(samples["ADT01-23.hl7-1"])
    values = [
        compile_path(text).read(message) for text in ("PID-18.1", "PID-19", "PV1-19.1", "IN1[3]-4", "PID-30")
    ]
    assert values == ["40007716", "123121234", "40007716", "SELF PAY", "NO"]
    assert (message.header.event, message.header.accept_ack) == ("ADT^A01", "")


def test_the_event_is_in_the_header_and_not_in_evn(samples: dict[str, bytes]) -> None:
    message = Message.parse(samples["ADT-A11-01.hl7-1"])
    assert message.header.event == "ADT^A11"
    assert compile_path("EVN-1").read(message) == "A01"


def test_a_charge_states_its_money_in_subcomponents(samples: dict[str, bytes]) -> None:
    message = Message.parse(samples["DFT-P03-01.hl7-1"])
    charges = groups(message, Each("FT1"))
    amount, currency, kind = (compile_path(text) for text in ("FT1-11.1", "FT1-11.1.2", "FT1-6"))
    assert [amount.read(message, charge) for charge in charges] == ["100", "120"]
    assert [currency.read(message, charge) for charge in charges] == ["USD", "USD"]
    assert [kind.read(message, charge) for charge in charges] == ["CG", "CG"]


def test_shifted_requisitions_are_read_where_the_sender_put_them(samples: dict[str, bytes]) -> None:
    message = Message.parse(samples["OMS_O05_stock_requisition.hl7-1"])
    orders = groups(message, Each("ORC"))
    item, quantity, unit = (compile_path(text) for text in ("RQD-2.1", "RQD-3", "RQD-5"))
    assert [path.read(message, orders[0]) for path in (item, quantity, unit)] == ["SYR10ML", "100", "EA"]
    assert len(orders) == 2


def test_an_acknowledgment_without_msa_is_none(samples: dict[str, bytes]) -> None:
    assert parse_ack(samples["ACK_without_MSA.hl7-1"]) is None


def test_a_message_without_control_id_is_read_so_that_it_can_be_refused(samples: dict[str, bytes]) -> None:
    header = peek(samples["PPR_PC1_empty_MSH10.hl7-1"])
    assert (header.event, header.control_id, header.version) == ("PPR^PC1", "", "2.3")


def test_free_text_dates_stay_text(samples: dict[str, bytes]) -> None:
    message = Message.parse(samples["test-hl7-batch-input.txt-1"])
    assert compile_path("PID-7").read(message) == "Aug 15, 1942"
