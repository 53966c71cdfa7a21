"""Tenants: made and listed by platform administrators; found by everybody's requests."""
