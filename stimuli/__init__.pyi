"""The public names of `stimuli`; `core.lazy.attach` offers them when the program runs."""

from core.errors import LogError as LogError
from core.errors import ObserverError as ObserverError
from core.errors import StimulusError as StimulusError
from core.errors import UnknownName as UnknownName
from core.errors import UserError as UserError
from stimuli.distort.levels import Distortion as Distortion
from stimuli.distort.levels import make_distortion as make_distortion
from stimuli.draw.microcosm import draw_image as draw_image
from stimuli.draw.microcosm_sets import microcosm_shapes as microcosm_shapes
from stimuli.draw.microcosm_sets import shown_shape as shown_shape
from stimuli.folder import read_folder as read_folder
from stimuli.stimulus import Stimulus as Stimulus
from stimuli.stimulus import StimulusSet as StimulusSet
