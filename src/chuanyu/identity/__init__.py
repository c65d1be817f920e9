"""People (the vault), agencies, staff, sign-in, and who may open which page."""
