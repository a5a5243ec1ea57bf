"""A virtual screen on which a test decides what is clicked or pressed in each trial."""

from observers.people.screens.screen import ImageItem
from observers.people.screens.simulated_screen import SimulatedScreen


class ScriptedScreen(SimulatedScreen):
    """A SimulatedScreen on which the events of `events_for(n)` occur in the nth response grid; it records all scenes."""

    def __init__(self, events_for, **options):
        self.scenes, self.n_grids = [], 0
        super().__init__(on_flip=lambda scene, time: self.scenes.append((scene, time)), **options)
        self.events_for = events_for

    def flip(self, scene):
        if len(scene.items) > 3 and self._centered and isinstance(scene.items[0], ImageItem):
            self.n_grids += 1
            self.plan_events(self.events_for(self.n_grids))
        return super().flip(scene)
