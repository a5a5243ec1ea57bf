"""The rows of the simulated observers, whose behavior is known."""

from core.entries import Entry

GROUP = "Simulated observers"
SIMULATED = (
    Entry(
        "ideal",
        "observers.simulated:Ideal",
        "Always gives the correct response.",
        group=GROUP,
        example="ideal",
    ),
    Entry(
        "chance",
        "observers.simulated:Chance",
        "Guesses: every choice is equally likely.",
        group=GROUP,
        example="chance -o seed=1",
    ),
    Entry(
        "biased",
        "observers.simulated:Biased",
        "Responds to the shape or to the texture of an object; you choose the shape bias.",
        group=GROUP,
        example="biased -o shape_bias=0.9 -o cue_rate=0.8",
    ),
    Entry(
        "correlated",
        "observers.simulated:Correlated",
        "Makes errors on the same images as a recorded observer; you choose the error consistency of the two.",
        group=GROUP,
        example="correlated -o log=FILE.csv -o kappa=0.4",
        shown_with="cue-conflict",
    ),
    Entry(
        "psychometric",
        "observers.simulated:Psychometric",
        "Recognizes distorted images up to a threshold that you choose.",
        group=GROUP,
        example="psychometric -o dataset=uniform-noise -o threshold=0.1 -o width=-0.25",
        shown_with="microcosm-uniform-noise",
    ),
    Entry(
        "fooled",
        "observers.fooled:Fooled",
        "Perceives visual illusions, hidden faces and ambiguous figures with strengths that you choose.",
        group=GROUP,
        example="fooled -o effect=0.05",
        shown_with="muller-lyer",
    ),
)
