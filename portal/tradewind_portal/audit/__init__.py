"""Who changed what: append-only, hash-chained."""
