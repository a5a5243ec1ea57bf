"""The sections of the report in the order of the page; every module of sections has a table of its own sections."""

from analysis.report.sections import agreement, consistency, illusions, overall, responses, shape_bias
from analysis.report.sections.section_inputs import OverallSection, Section

# The sections that combine all datasets.
OVERALL_SECTIONS: dict[str, OverallSection] = overall.SECTIONS
# The sections on one dataset: those for all trials, then those for the trials whose image has a correct response.
ILLUSION_SECTIONS: dict[str, Section] = illusions.SECTIONS
SECTIONS: dict[str, Section] = shape_bias.SECTIONS | consistency.SECTIONS | agreement.SECTIONS | responses.SECTIONS
