"""Names of the cues (label columns) that describe the images of illusions in manifests and trial logs."""

PERCEPTS = ("percept_a", "percept_b")  # the two things that an ambiguous image can be seen as
HIDDEN = ("hidden",)  # strength of a hidden object; 0 if the image does not have a hidden object
GEOMETRIC = ("strength", "difference")  # strength of an illusion; physical difference between two objects
