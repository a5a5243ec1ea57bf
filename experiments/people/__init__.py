"""Experiments with people: sessions at a screen or in a browser, and deletion of a participant's data."""
