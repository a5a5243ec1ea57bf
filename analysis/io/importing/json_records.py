"""Records of trials in JSON: lists of objects, one object or list per participant, and columns by name.

The cells of a record are texts: null is an empty text, true and false are words, and lists stay JSON. The entries of an
object are cells of their own, so that `{"response": {"choice": "cat"}}` has a cell `response.choice`. If a file contains
several lists, as files of JATOS do, the cell `document` of a record is the number of its list.
"""

import json
from collections.abc import Iterator
from typing import Any

# Names of entries of a trial. A list of objects in an object with one of them belongs to the trial, such as the positions of
# the mouse; in another object, such as that of a participant, it contains the trials.
OF_TRIALS = {"trial_type", "trial_index", "stimulus", "response", "rt"}


def documents_in(text: str) -> list[Any]:
    """Return the JSON values in a text, which follow each other with or without line breaks. Raises ValueError otherwise."""
    decoder = json.JSONDecoder()
    documents, place = [], 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        document, place = decoder.raw_decode(text, place)
        documents.append(document)
    return documents


def records_of(documents: list[Any]) -> list[dict[str, str]]:
    """Return the records in the values of a file, each with its cells by name."""
    has_lists = sum(isinstance(document, list) for document in documents) > 1
    records = []
    for number, document in enumerate(documents, start=1):
        for record in _records(document):
            cells = _cells(record)
            records.append({"document": str(number), **cells} if has_lists else cells)
    return records


def _records(data: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects in lists, also in lists of lists, in a single object with a list, and in columns by name."""
    if isinstance(data, list):
        for item in data:
            if isinstance(item, list):
                yield from _records(item)
            elif isinstance(item, dict):
                lists = [] if OF_TRIALS & set(item) else [v for v in item.values() if _is_list_of_objects(v)]
                if len(lists) == 1:  # the session of a participant with its trials
                    constants = {name: value for name, value in item.items() if not isinstance(value, list | dict)}
                    yield from ({**constants, **record} for record in lists[0])
                else:
                    yield item
    elif isinstance(data, dict):
        values = list(data.values())
        if values and all(isinstance(value, dict) for value in values):
            if any(_is_list_of_objects(entry) for value in values for entry in value.values()):  # participants by name
                yield from _records(values)
                return
            keys = dict.fromkeys(key for value in values for key in value)
            yield from ({name: data[name].get(key) for name in data} for key in keys)
        elif values and all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
            if not _is_list_of_objects(values[0]):
                yield from (dict(zip(data, cells, strict=True)) for cells in zip(*values, strict=True))
            else:
                yield from _records(values[0])
        else:
            yield from _records([data])


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _cells(record: dict[str, Any]) -> dict[str, str]:
    """Return the cells of a record, with those of objects in it."""
    cells: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            cells |= {f"{name}.{inner}": cell for inner, cell in _cells(value).items()}
        else:
            cells[name] = _to_text(value)
    return cells


def _to_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
