"""EfficientNet-Lite0 with its channels first and last: milliseconds an image, in batches of 16.

    python benchmarks/channels_last.py

The two take turns, so that their ratio holds where the machine's speed drifts.
"""

import statistics
import time

import torch

from observers.efficientnet import SIZE, EfficientNetLite0

BATCH, N_ROUNDS = 16, 9


def main() -> None:
    network = EfficientNetLite0(device="cpu")._network
    images = torch.randn(BATCH, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    formats = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
    times: dict[str, list[float]] = {name: [] for name in formats}
    with torch.inference_mode():
        for _ in range(N_ROUNDS + 1):
            for name, memory_format in formats.items():
                network.to(memory_format=memory_format)
                given = images.contiguous(memory_format=memory_format)
                start = time.perf_counter()
                network(given)
                times[name].append(1000 * (time.perf_counter() - start) / BATCH)
    for name, measured in times.items():
        print(f"{name:<15} {statistics.median(measured[1:]):7.1f} ms an image")  # the first round warms up
    pairs = zip(times["channels first"][1:], times["channels last"][1:], strict=True)
    print(f"ratio           {statistics.median(a / b for a, b in pairs):7.2f}   ({torch.get_num_threads()} threads)")


if __name__ == "__main__":
    main()
