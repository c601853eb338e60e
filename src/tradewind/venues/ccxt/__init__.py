"""Exchanges through ccxt: one adapter, and tables of what differs. Nothing here is imported unless going live."""
