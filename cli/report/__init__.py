"""The only modules that draw."""
