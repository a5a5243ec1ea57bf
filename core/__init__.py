"""Code that all packages use: errors, names and plugins, atomic files, progress and worker processes."""
