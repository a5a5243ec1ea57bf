"""Build stimulus sets on disk from images: distorted sets and cue conflicts. Draw contact sheets of distortions."""
