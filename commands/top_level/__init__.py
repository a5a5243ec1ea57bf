"""The top-level command `observers`: the list of all commands, how they are shown, and how errors are printed."""
