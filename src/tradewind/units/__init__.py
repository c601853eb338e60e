"""Ids, records, ticks, time and the compiler door. Imports nothing of ours."""
