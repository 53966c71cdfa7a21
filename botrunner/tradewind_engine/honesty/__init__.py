"""How far a back-test can be trusted, in the same second as its figures. docs/reference/trust.md explains each reason.

- deflated_sharpe: is the Sharpe ratio more than the best of so many tries would show by luck
- overfitting: how often the best in one half of history is below the middle in the other
- bootstrap: between which returns the truth may lie       - neighbourhood: whether the best point stands alone
- leakage: candles that know the future                     - causality: a document that does
- verdict: trust high, doubtful or low, with reasons
"""
