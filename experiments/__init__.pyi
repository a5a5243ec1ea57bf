"""The public names of `experiments`; `core.lazy.attach` offers them when the program runs."""

from core.parallel.processes import ProcessExecutor as ProcessExecutor
from experiments.executors.dask_cluster import DaskExecutor as DaskExecutor
from experiments.experiment import Experiment as Experiment
from experiments.running.merging import merge_shards as merge_shards
from experiments.running.session import run as run
from experiments.sets.registry import make_experiment as make_experiment
