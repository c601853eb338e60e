"""Exchanges of our own that speak the protocols of real ones, for tests and for trying things out."""
