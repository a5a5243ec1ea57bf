"""Names of the cues by which an illusion is known, in manifests and trial logs."""

PERCEPTS = ("percept_a", "percept_b")  # what an image can be seen as
HIDDEN = ("hidden",)  # strength of something hidden, 0 for nothing
GEOMETRIC = ("strength", "difference")  # of an illusion, and the real one between two things
