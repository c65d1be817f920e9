"""What tests of exchange share."""

from link import link

__all__ = ["link"]
