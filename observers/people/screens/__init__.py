"""Screens on which a session with a participant runs: a PsychoPy window, and a virtual screen without a display."""
