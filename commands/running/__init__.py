"""Commands that run experiments, and the options with which they use several processes or machines."""
