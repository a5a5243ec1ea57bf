"""Reconstruct images with generative observers, and explain the response to one trial."""
