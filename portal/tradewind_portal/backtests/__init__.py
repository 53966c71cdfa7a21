"""Backtests: custom resources in the tenant's namespace, merged with progress and report."""
