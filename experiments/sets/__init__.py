"""The experiments that come with the package, and experiments from a user's folder or file."""
