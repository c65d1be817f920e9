"""Money and points: double entry, exact, idempotent. The node may read the ledger and call `post`, nothing else."""
