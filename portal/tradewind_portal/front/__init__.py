"""What a browser is shown at the portal's address."""
