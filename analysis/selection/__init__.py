"""Choosing observers and sessions, giving them names, colors, an order and groups, and splitting them by a column."""
