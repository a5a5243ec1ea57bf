"""Frames small enough to count by hand."""

import pandas as pd


def answers(observer, kind, said, categories, *, dataset="mine", condition="", images=None):
    """One trial a word: what was said to images of these categories; "" is no answer."""
    names = images or [f"{i}.png" for i in range(len(said))]
    frame = pd.DataFrame({"stimulus": names, "category": categories, "response": said})
    frame = frame.assign(dataset=dataset, observer=observer, kind=kind, condition=condition)
    return frame.assign(correct=frame["category"] == frame["response"])


def right(observer, kind, letters, *, dataset="mine", condition="", images=None):
    """One trial a letter: 1 right, 0 wrong."""
    said = ["cat" if letter == "1" else "dog" for letter in letters]
    return answers(observer, kind, said, ["cat"] * len(letters), dataset=dataset, condition=condition, images=images)
