"""What we are fast at, measured against the machine's own limits and against peers in the same run. Never a test."""
