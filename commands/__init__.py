"""The commands of `observers`: each parses its options, makes one call into the packages, and prints the result.

One module holds one command, or several that share their options. No module imports a heavy library at the top, so that
`observers --help` stays fast: torch, pandas and the like are loaded inside the command that needs them.
"""
