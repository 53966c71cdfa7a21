"""The ledger: what bots report, kept once and for good, and the state that follows from it."""
