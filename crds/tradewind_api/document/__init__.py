"""The strategy document.

- model, shape: its shape     - validation: what is wrong with it, evaluation order, lookback
- digest: what it is called   - resolve: YAML text, shipped templates, parameters
- errors: how a fault reads   - templates/: the shipped strategies
"""
