"""Checks of a model's files before and while transformers and diffusers load them."""
