"""Tables in the formats of documents: Markdown and LaTeX."""
