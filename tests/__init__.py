"""A package, so that it is this one and no other that a library brings along under the name."""
