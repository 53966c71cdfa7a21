"""What running optimisations have scored so far, kept for their pods: a killed one goes on, shards are put together."""
