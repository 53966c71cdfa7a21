"""Figures of a backtest: one a file, each with its definition."""
