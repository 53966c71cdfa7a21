"""Where candles come from: made from a seed, or recorded. Both answer the same two questions."""
