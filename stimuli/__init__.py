"""Stimuli: reading, distorting, drawing and downloading the images that observers classify.

A `Stimulus` is one image file with its category, condition and cues. A `StimulusSet` is a named list of them, stored as a
`stimuli.csv`; `read_folder` reads one from any folder of images. `make_distortion` returns a distortion by name. Every
observer is shown the same image files, so a distortion is applied once, when a set is built (`observers make-stimuli`),
and never during an experiment.

The package also exports the errors that a user can cause, which are all subclasses of `UserError`.

Example:
    >>> from stimuli import make_distortion, read_folder
    >>> photos = read_folder("photos")  # with photos/cat/tom.png, photos/dog/rex.jpg, …
    >>> image = photos.stimuli[0].pixels() / 255
    >>> distorted = make_distortion("contrast").apply(image, "c30", np.random.default_rng(0))
"""

from core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
