"""The findings at the start of a report: for each of three questions, an answer with numbers and intervals, and a figure."""
