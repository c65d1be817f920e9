"""One node: its settings, its command line, and how it starts and stops."""
