"""The public names of `experiments`; `core.lazy.attach` offers them when the program runs."""

from core.parallel.processes import ProcessExecutor as ProcessExecutor
from experiments.exclusion_rules import ExclusionRules as ExclusionRules
from experiments.exclusion_rules import read_exclusion_rules as read_exclusion_rules
from experiments.executors.dask_cluster import DaskExecutor as DaskExecutor
from experiments.experiment import Experiment as Experiment
from experiments.running.merging import merge_shards as merge_shards
from experiments.running.session import run as run
from experiments.sets.registry import make_experiment as make_experiment
from experiments.status.session_status import SessionStatus as SessionStatus
from experiments.status.session_status import read_status as read_status
