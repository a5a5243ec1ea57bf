"""Training of classifiers on noisy images, and training checkpoints."""
