"""The benchmark of Geirhos et al. (2021), its ranks, and correlations between measures."""
