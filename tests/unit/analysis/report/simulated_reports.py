"""Simulated trials for the tests of reports, and functions that read the pages of a report."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd

HOSTILE = "<script>alert(1)</script>"
KINDS = {
    "subject-01": "human",
    "subject-02": "human",
    HOSTILE: "discriminative",
    "net": "generative",
    "coin": "simulated",
}


def trials(dataset, kinds, conditions=("",), n=24, cues=False, seed=0):
    """Simulate random responses of every observer to the same images of cats and dogs, as `read_trials` returns them."""
    rng = np.random.default_rng(seed)
    rows = []
    for observer, kind in kinds.items():
        for condition in conditions:
            for i in range(n):
                shape, texture = ("cat", "dog") if i % 2 else ("dog", "car")
                response = rng.choice([shape, shape, texture, ""])
                cells = {"shape": shape, "texture": texture} if cues else {"shape": "", "texture": ""}
                rows.append(
                    {
                        "dataset": dataset,
                        "observer": observer,
                        "kind": kind,
                        "session": 1,
                        "block": 1,
                        "trial": len(rows) + 1,
                        "stimulus": f"{i}.png",
                        "condition": condition,
                        "category": shape,
                        "response": response,
                        "rt": np.nan,
                        "n_evaluations": pd.NA,
                        "correct": response == shape,
                        "source": f"{dataset}_{observer}.csv",
                        **cells,
                    }
                )
    return pd.DataFrame(rows)


class Elements(HTMLParser):
    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self, page):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} is closed but not open"

    def of(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def read_data(script):
    """Return the data that a script in data/ passes to the page."""
    match = re.fullmatch(r"report\.take\((\"[^\"]+\"),(.*)\);\n", script.read_text("utf-8"), re.DOTALL)
    assert json.loads(match[1]) == script.stem and "<" not in match[2]
    return json.loads(match[2])


def page_text(page):
    return " ".join(re.sub("<[^>]+>", " ", page).split())
