"""A folder with rules and no facts: expected at service.yaml:1."""
