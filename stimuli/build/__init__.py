"""Build stimulus sets on disk from images: distorted sets and cue conflicts."""
