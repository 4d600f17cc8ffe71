"""From the outbox to the far end: lanes in order, retries, breaker, unknowns settled by asking."""
