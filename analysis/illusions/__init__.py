"""Measures of visual illusions and of reconstructed images, and the figures and contact sheets that show them."""
