"""Kill switches in four scopes, and closing a bot's positions now."""
