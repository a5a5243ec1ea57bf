"""Measures of visual illusions and of reconstructed images."""
