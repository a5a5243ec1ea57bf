"""Error consistency between observers: kappa, tests, noise ceiling, clusters and maps."""
