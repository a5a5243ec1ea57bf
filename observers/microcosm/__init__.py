"""Observers that were trained on the microcosm (a synthetic data set of drawn objects), and the training code."""
