"""Layouts of files of trials: how the header of a file is recognized, and how its cells become those of our trial log."""
