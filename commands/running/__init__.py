"""Commands that run experiments, and their options for several processes or machines."""
