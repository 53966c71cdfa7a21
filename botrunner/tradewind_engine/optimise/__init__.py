"""Many parameter sets over the same candles, and the search for good ones.

- space: which parameters, in which steps     - sweep: figures of any number of points, each distinct node computed once
- scores: what a sweep measures               - objectives: what is sought, and what is asked for besides
- record: what was scored, as bytes            - shards: an optimisation in parts that know nothing of each other
- search: exhaustive, or sample, zoom, TPE    - walk_forward: chosen on one stretch, judged on the next
- book: what a search holds of each point      - places, scratch: which places are known; bytes put down and read again
"""
