"""The figures of Jaini et al. (2024): tables and captions from trial logs, and a folder with all figures."""
