"""Stimuli: reading, distorting, drawing and downloading the images that observers classify.

The central types are `stimuli.stimulus.Stimulus`, one image file with its category, condition and cues, and
`stimuli.stimulus.StimulusSet`, a named list of them that is stored as a `stimuli.csv`. Around them the package

- reads image files safely (`images`) and any folder of images (`folder`),
- knows the published datasets (`datasets`) and downloads them (`fetch`),
- distorts images (`distortions`, `eidolon`, `outlines`, looked up by name in `levels`) and combines the shape of one image
  with the texture of another (`cue_conflict`, `texture_synthesis`),
- writes the results as stimulus sets that can be resumed and are reproducible byte by byte (`distorted_set`,
  `set_builder`), and
- draws images from scratch: silhouettes, microcosm scenes and illusions (`drawn`, `microcosm`, `geometric`, `bistable`, …).

Every observer is shown the same image files. A distortion is therefore applied once, when a set is built, and never during
an experiment. The package also holds what every other layer needs: errors, name lookup, progress and atomic files.
"""
