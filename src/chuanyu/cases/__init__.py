"""A procedure two agencies carry out together: declared states, terms in working days, the same state on both sides."""
