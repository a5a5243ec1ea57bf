"""Generative observers: likelihoods of text-to-image models, schedules of draws, and the classifier built on them."""
