"""Figures of a back-test: one a file, with definition and source. docs/reference/analytics.md has them beside others'.

Fractions, never percent; money in quote currency after costs; whatever is annualised takes `periods_per_year` explicitly.
"""
