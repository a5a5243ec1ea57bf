"""The public names of `observers`; `core.lazy.attach` offers them when the program runs."""

from observers.check import check_observer as check_observer
from observers.generative.classifier import GenerativeClassifier as GenerativeClassifier
from observers.generative.likelihood import HasConditions as HasConditions
from observers.generative.likelihood import Likelihood as Likelihood
from observers.generative.likelihood import Scorer as Scorer
from observers.people.screens.screen import Screen as Screen
from observers.protocol import RUNTIME as RUNTIME
from observers.protocol import HasCost as HasCost
from observers.protocol import HasMeasures as HasMeasures
from observers.protocol import HasProvenance as HasProvenance
from observers.protocol import HasTexts as HasTexts
from observers.protocol import Observer as Observer
from observers.protocol import Presentation as Presentation
from observers.protocol import Reconstruction as Reconstruction
from observers.protocol import Reconstructor as Reconstructor
from observers.protocol import Response as Response
from observers.protocol import Restoration as Restoration
from observers.protocol import Trial as Trial
from observers.registry import make_observer as make_observer
from observers.registry import make_observers as make_observers
from observers.services.concurrency import UnusableReply as UnusableReply
from observers.services.concurrency import respond_concurrently as respond_concurrently
from observers.spec import ObserverSpec as ObserverSpec
