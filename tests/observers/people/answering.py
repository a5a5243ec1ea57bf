"""Somebody at a screen without a display."""

from observers.people.screen import ImageItem
from observers.people.simulated_screen import SimulatedScreen


class Answering(SimulatedScreen):
    """A screen at which `presses(n)` of the nth grid are pressed."""

    def __init__(self, presses, **options):
        self.scenes, self.n = [], 0
        super().__init__(seen=lambda scene, time: self.scenes.append((scene, time)), **options)
        self.presses = presses

    def flip(self, scene):
        if len(scene.items) > 3 and self._centered and isinstance(scene.items[0], ImageItem):
            self.n += 1
            self.plan(self.presses(self.n))
        return super().flip(scene)
