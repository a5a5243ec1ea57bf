"""The words that a participant sees, in several languages; a lab can edit them."""
