"""Personal access tokens, for scripts and `tw`."""
