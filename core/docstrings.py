"""Read the descriptions of arguments and attributes from docstrings in Google style."""

import inspect
import re

_SECTION = re.compile(r"(Args|Attributes):")
_ARGUMENT = re.compile(r"    (\w+): (.*)")


def describe_arguments(definition: object) -> dict[str, str]:
    """Return the descriptions in the section `Args:` or `Attributes:` of a docstring.

    Args:
        definition: A class or function.

    Returns:
        The description of each argument or attribute by name, each on one line. The mapping is empty if
        the docstring does not have such a section.

    Example:
        >>> describe_arguments(Chance)
        {'seed': 'Random seed of the responses.', 'name': "The observer's name in logs and figures."}
    """
    descriptions: dict[str, str] = {}
    in_section, name = False, ""
    for line in (inspect.getdoc(definition) or "").splitlines():
        if not line.startswith(" "):
            in_section = bool(_SECTION.fullmatch(line)) or (in_section and not line)
        elif in_section and (argument := _ARGUMENT.fullmatch(line)):
            name = argument[1]
            descriptions[name] = argument[2]
        elif in_section and name and line.strip():
            descriptions[name] += f" {line.strip()}"
    return descriptions
