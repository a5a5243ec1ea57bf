"""Figures on visual illusions: curves with points of subjective equality, and contact sheets of reconstructions."""
