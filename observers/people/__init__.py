"""People as observers: at a screen through PsychoPy, in a web browser, or simulated on a virtual screen."""
