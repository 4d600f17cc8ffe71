"""A far end to practise on: an ERP and a billing system in one process, on two ports.

The demo, the tests and site analysts post to it, ask it, and tell it to misbehave. It shares no code with the
rest of the engine, so that its books are an independent witness: what is posted twice is booked twice, and
shows.

    masters      what the two sides know: items, cost centers, suppliers, charge master
    amounts      decimal texts, cents and rounding
    forms        the documents as they are sent; every fault of shape is found here
    books        documents as they are booked, and the register that finds them again
    remainders   what of a booked document can still be given back
    stock        quantity and moving average value per item and location
    ledger       debits and credits
    erp          goods issues and returns, bill-only orders, requisitions, cost postings
    billing      charges and credits
    desk         one side's counter: form, duplicate, booking
    answers      what a side answers
    moods        how a side was told to misbehave
    side         one side whole: every address it answers, without HTTP
    server       the sockets, and the moods acted out on them

Run it with `python -m engine.sandbox`; in a test, `async with Sandbox() as box`.
"""

from engine.sandbox.masters import Masters
from engine.sandbox.server import Sandbox

__all__ = ["Masters", "Sandbox"]
