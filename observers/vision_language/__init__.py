"""Vision-language models as observers: they get the image and a question with lettered options as text."""
