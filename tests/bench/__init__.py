"""Budgets beside what the peers take: `make bench-*`. Each prints machine, versions, a table, and ends with one JSON line."""
