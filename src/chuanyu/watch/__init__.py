"""Signals and indicators: what the region looks like as one. It reads others' queries and stores nothing of its own yet."""
