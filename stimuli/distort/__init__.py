"""Distortions: functions that take an image, a level and a random generator, and return an image."""
