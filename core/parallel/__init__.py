"""Work that several processes or machines do at the same time."""
