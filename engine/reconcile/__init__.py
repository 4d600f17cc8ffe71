"""Do the sums close? What was expected against what was delivered, held, waiting, unknown and cancelled."""
