"""Training of the observers of the microcosm: training images, one module per observer, and the training loop."""
