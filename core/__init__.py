"""What every package needs and no package owns: errors, names and plugins, atomic files, progress and worker processes."""
