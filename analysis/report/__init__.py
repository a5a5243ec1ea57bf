"""The report on trial logs: a folder with pages that show figures, tables and trials."""
