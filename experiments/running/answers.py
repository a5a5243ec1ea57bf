"""The responses of an observer to the trials of a session, with the checks that every response has to pass."""

from collections.abc import Iterator, Mapping, Sequence

from core.errors import ObserverError
from observers.protocol import HasProvenance, Observer, Response, Trial
from observers.validation import iter_responses, validate_response


def iter_answers(observer: Observer, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Response]]:
    """Yield each trial with its validated response. If there are no trials, the observer is not called.

    Raises ObserverError if a response is invalid, or if the observer does not give exactly one response per trial.
    """
    if not trials:
        return
    n_responses = 0
    for response in iter_responses(observer, trials):
        if n_responses == len(trials):
            raise ObserverError(f"observer {observer.name} gave more responses than it got trials ({len(trials)})")
        yield trials[n_responses], validate_response(response, trials[n_responses], observer.name)
        n_responses += 1
    if n_responses < len(trials):
        raise ObserverError(f"observer {observer.name} stopped after {n_responses} of {len(trials)} trials")


def provenance_of(observer: Observer) -> dict[str, str]:
    """Return the provenance of an observer as text. Raises ObserverError if it is not a mapping."""
    provenance = observer.provenance() if isinstance(observer, HasProvenance) else {}
    if not isinstance(provenance, Mapping):
        raise ObserverError(
            f"observer {observer.name}: provenance() must return a mapping, got {type(provenance).__name__}"
        )
    return {str(key): str(value) for key, value in provenance.items()}
