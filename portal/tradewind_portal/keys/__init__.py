"""Exchange keys: taken in, checked, sealed, and handed to the one bot's pod that trades with them. Never read back."""
