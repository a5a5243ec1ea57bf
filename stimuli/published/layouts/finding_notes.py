"""Notes about texts that were changed while trials were read, or that look wrong (`stimuli.published.layouts.canonical`)."""

from collections.abc import Iterator

from core.names import abbreviate
from stimuli.published.layouts.canonical import Findings, Topic

# What is noted, with the examples, the names of files or observers, and the dataset.
TEMPLATES: dict[Topic, str] = {
    "older name": "older names of published datasets are read as those of model-vs-human: {examples} ({names})",
    "related": "{dataset} is not the published dataset {examples}, because its images are different files ({names})",
    "other condition": "the published dataset {dataset} does not have the condition {examples}, which is kept ({names})",
    "several conditions": "the conditions {examples} are ignored, because the published dataset {dataset} has only one "
    "condition ({names})",
    "letters": "responses and categories of {dataset} are read with the upper and lower case of its categories: "
    "{examples} ({names})",
    "no category": "some texts are not among the sixteen categories of {dataset}: {examples} ({names})",
    "never a category": "all responses of some observers of {dataset} differ from all categories, such as {examples} "
    "({names})",
    "folders": "folders in names of images of {dataset} are ignored where they do not distinguish images, as in {examples} "
    "({names})",
    "images of another dataset": "according to their names, the images of {names} belong to {examples}, but are read as "
    "images of {dataset}",
    "no cues": "some images in {names} do not have names like those of {dataset} (cat7-clock2.png), such as {examples}; "
    "measures of shape and texture exclude these images",
    "person by file": "observers of {dataset} are read as people, because the names of their files say so: {names}",
    "times of a network": "observers of {dataset} whose names do not begin with subject- are read as {examples} although "
    "they have response times: {names}",
    "unclear name": "observers of {dataset} whose names do not begin with subject- are read as {examples}: {names}",
}
# How a user of an analysis corrects it, with the name of the first observer.
REMEDIES: dict[Topic, str] = {
    "related": "--replace dataset:{dataset}={examples} reads it as this dataset",
    "no category": "--replace response:OLD=NEW or category:OLD=NEW corrects them",
    "never a category": "--replace response:OLD=NEW corrects it",
    "images of another dataset": "--replace dataset:{dataset}=NAME corrects it",
    "person by file": "--kind {name}=KIND corrects it",
    "times of a network": "--kind {name}=human corrects it",
    "unclear name": "if they are people, --kind {name}=human corrects it",
}


def finding_notes(findings: Findings, *, can_correct: bool) -> Iterator[str]:
    """Yield one note for every topic and dataset.

    Args:
        findings: What was changed or looks wrong.
        can_correct: Whether the trials are read by an analysis, which has options that correct them.
    """
    for (topic, dataset), finding in findings.items():
        if topic == "several conditions" and len(finding.examples) < 2:  # a single one is the same as none
            continue
        template = TEMPLATES[topic] + (f"; {REMEDIES[topic]}" if can_correct and topic in REMEDIES else "")
        yield template.format(
            examples=abbreviate(list(finding.examples)), names=abbreviate(list(finding.names)), dataset=dataset,
            name=next(iter(finding.names)),
        )  # fmt: skip
