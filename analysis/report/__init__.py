"""The report: pages with figures, tables and trials, written into a folder."""
