"""Compare the speed of EfficientNet-Lite0 in channels-first and channels-last memory format, in batches of 16.

    python benchmarks/channels_last.py

The formats are measured alternately, so their ratio is valid even if the speed of the machine changes during the run.
"""

import statistics
import time

import torch

from observers.classifiers.efficientnet import SIZE, EfficientNetLite0

BATCH_SIZE, N_ROUNDS = 16, 9


def main() -> None:
    """Print the time per image in both formats, in milliseconds, and the ratio of the two times."""
    network = EfficientNetLite0(device="cpu")._network
    images = torch.randn(BATCH_SIZE, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    formats = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
    times: dict[str, list[float]] = {name: [] for name in formats}
    with torch.inference_mode():
        for _ in range(N_ROUNDS + 1):
            for name, memory_format in formats.items():
                network.to(memory_format=memory_format)
                batch = images.contiguous(memory_format=memory_format)
                start = time.perf_counter()
                network(batch)
                times[name].append(1000 * (time.perf_counter() - start) / BATCH_SIZE)
    for name, milliseconds in times.items():
        median = statistics.median(milliseconds[1:])  # without the first round, which warms up
        print(f"{name:<15} {median:7.1f} ms per image")
    pairs = zip(times["channels first"][1:], times["channels last"][1:], strict=True)
    print(f"ratio           {statistics.median(a / b for a, b in pairs):7.2f}   ({torch.get_num_threads()} threads)")


if __name__ == "__main__":
    main()
