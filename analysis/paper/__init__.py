"""The figures of Jaini et al. (2024): the table and the caption of each figure, and a folder with all figures."""
