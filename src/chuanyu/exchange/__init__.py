"""The wire between nodes: signed, authorised, logged at both ends."""
