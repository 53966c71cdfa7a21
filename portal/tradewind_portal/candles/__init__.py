"""Imported candles: checked once, stored once by the digest of their values, served by range."""
