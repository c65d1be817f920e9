"""Pure Python, no Django: what a service declares and how a decision is made."""
