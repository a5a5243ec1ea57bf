"""Tools for observers that ask a service over the network."""
