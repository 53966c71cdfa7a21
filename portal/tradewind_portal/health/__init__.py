"""Whether the portal lives, is ready, and which version it is."""
