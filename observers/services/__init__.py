"""Tools for observers that send requests to a service over the network."""
