"""Frames of trials that are small enough to count by hand."""

import pandas as pd


def response_trials(observer, kind, responses, categories, *, dataset="mine", condition="", images=None):
    """Return one trial per response to an image of the given category; a response of "" is missing."""
    names = images or [f"{i}.png" for i in range(len(responses))]
    frame = pd.DataFrame({"stimulus": names, "category": categories, "response": responses})
    frame = frame.assign(dataset=dataset, observer=observer, kind=kind, condition=condition)
    return frame.assign(correct=frame["category"] == frame["response"])


def correct_trials(observer, kind, letters, *, dataset="mine", condition="", images=None):
    """Return one trial per letter: "1" is a correct response, "0" a wrong one."""
    responses = ["cat" if letter == "1" else "dog" for letter in letters]
    categories = ["cat"] * len(letters)
    return response_trials(observer, kind, responses, categories, dataset=dataset, condition=condition, images=images)
