"""Django system checks of identity."""
