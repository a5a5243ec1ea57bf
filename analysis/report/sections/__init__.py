"""The sections of the report, and their parts: sentences, figures and tables."""
