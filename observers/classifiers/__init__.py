"""Discriminative and contrastive networks as observers."""
