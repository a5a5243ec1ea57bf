"""The rows of people: a participant at this screen, and recorded responses of people or models."""

from core.entries import Entry

GROUP = "People and recordings"
PEOPLE = (
    Entry(
        "human:PLATFORM",
        "observers.people.participant:Participant",
        "A person at this screen; PsychoPy controls the timing of the images (`observers collect` is more convenient).",
        group=GROUP,
        example="human:psychopy -o code=K7Q2XZ",
        source="PsychoPy, Peirce et al. (2019), doi.org/10.3758/s13428-018-01193-y",
        needs=("people",),
    ),
    Entry(
        "recorded:FILE",
        "observers.recorded:Recorded",
        "Replays the recorded responses of a person or a model from a trial log or a file of another project.",
        group=GROUP,
        example="recorded:FILE.csv",
        shown_with="cue-conflict",
        source="Recordings of Geirhos et al. (2021), github.com/bethgelab/model-vs-human, or your own trial logs",
        license="not stated for the recordings of Geirhos et al.",
    ),
)
