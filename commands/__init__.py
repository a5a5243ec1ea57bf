"""The commands of `observers`: each parses its options, makes one call into the packages, and prints the result.

Each module has one command, or several commands that share their options. No module imports a heavy library at the top, so
that `observers --help` stays fast. Libraries such as torch and pandas are loaded inside the command that needs them.
"""
