"""The sections of the report, and what they are made of: sentences, figures and tables."""
