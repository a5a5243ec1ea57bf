"""Stimuli that are drawn by code: silhouettes, microcosm scenes and illusions."""
