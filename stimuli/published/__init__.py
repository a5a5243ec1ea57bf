"""The published stimulus sets: names, file formats, licenses and downloads."""
