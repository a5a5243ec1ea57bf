"""Vector-quantized autoencoders, which encode an image as discrete tokens: van den Oord et al. (2017).

Encoded vectors and codes have length 1, as in Janus and in Yu et al. (2022), so the nearest code is the one at the
smallest angle. In the first part of the training nothing is quantized. Then the codes are initialized with k-means on
encoded images. Codes that are not used are regularly replaced by encoded vectors.

Shapes: n images of s × s pixels, h × w tokens, V codes of D dimensions.
"""

from collections.abc import Callable

import torch
from torch.nn import functional

from observers.microcosm.training.training_images import TrainingImages
from observers.microcosm.training.training_loop import Loss, TrainingSettings, full_precision

UNQUANTIZED_SHARE = 0.15  # share of the steps at the start in which vectors are not quantized
REPLACEMENT_INTERVAL = 100  # number of steps between replacements of unused codes
REPLACEMENT_END = 0.7  # share of the steps after which no more codes are replaced
COMMITMENT_WEIGHT = 0.25  # weight of the distance of the encoded vectors from their codes
ENCODING_BATCH = 500  # number of images that are encoded together


class TokenAutoencoder(torch.nn.Module):
    """An autoencoder with a codebook.

    Args:
        network: The autoencoder, which contains the codebook.
        codebook: The embedding (V, D) of the codes.
        encode: Encodes images (n, 3, s, s) as vectors (n, D, h, w).
        decode: Decodes vectors (n, D, h, w) to images (n, 3, s, s).

    Attributes:
        step: Number of batches trained so far.
        used: How often each code was used since unused codes were last replaced, (V,).
    """

    step: torch.Tensor
    used: torch.Tensor

    def __init__(
        self,
        network: torch.nn.Module,
        codebook: torch.nn.Embedding,
        encode: Callable[[torch.Tensor], torch.Tensor],
        decode: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        super().__init__()
        self.network, self.encode, self.decode = network, encode, decode
        self._codebooks = [codebook]  # in a list, so that torch does not register it again: it is a part of the network
        self.register_buffer("step", torch.tensor(0))
        self.register_buffer("used", torch.zeros(codebook.num_embeddings))

    @property
    def codes(self) -> torch.Tensor:
        """The codes (V, D), normalized to length 1."""
        return functional.normalize(self._codebooks[0].weight, dim=1)

    def vectors(self, images: torch.Tensor) -> torch.Tensor:
        """Encode images (n, 3, s, s) as vectors (n, D, h, w) of length 1."""
        return functional.normalize(self.encode(images).float(), dim=1)

    def nearest(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return the indices (n, h, w) of the codes that are nearest to vectors (n, D, h, w)."""
        with full_precision():
            return (vectors.permute(0, 2, 3, 1) @ self.codes.T).argmax(dim=3)

    @torch.no_grad()
    def set_codes(self, indices: torch.Tensor, vectors: torch.Tensor) -> None:
        """Set the codes at the indices (k,) to the vectors (k, D)."""
        self._codebooks[0].weight[indices] = vectors

    @torch.no_grad()
    def normalize_codebook(self) -> None:
        """Normalize the stored codes to length 1, as in the published models."""
        self._codebooks[0].weight.copy_(self.codes)


def tokens_loss(
    autoencoder: TokenAutoencoder, images: TrainingImages, settings: TrainingSettings, size: int, lowest: float
) -> Loss:
    """Return the loss function: reconstruction error |x̂ − x| + (x̂ − x)² + distance between vectors and codes.

    Args:
        autoencoder: The autoencoder.
        images: The training images.
        settings: The training settings.
        size: Width and height of the images in pixels.
        lowest: Value of a black pixel; white is 1. The loss does not depend on this range.
    """

    def draw_batch(generator: torch.Generator) -> torch.Tensor:
        batch, _ = images.batch(settings.batch, generator, size)
        return lowest + (1 - lowest) * (batch + 1) / 2

    first_quantized = int(UNQUANTIZED_SHARE * settings.steps)

    def loss(generator: torch.Generator) -> torch.Tensor:
        batch, step = draw_batch(generator), int(autoencoder.step)
        vectors = autoencoder.vectors(batch)
        if step < first_quantized:
            quantized, distance = vectors, torch.zeros(())
        else:
            if step == first_quantized:
                sample = [autoencoder.vectors(draw_batch(generator)).detach() for _ in range(16)]
                _initialize_codes(autoencoder, torch.cat(sample), generator)
            flat = vectors.permute(0, 2, 3, 1)
            if step > first_quantized and (step - first_quantized) % REPLACEMENT_INTERVAL == 0:
                if step < REPLACEMENT_END * settings.steps:
                    _replace_unused_codes(autoencoder, flat.detach().flatten(0, 2), generator)
                autoencoder.used.zero_()
            nearest = autoencoder.nearest(vectors)
            codes = autoencoder.codes[nearest]
            distance = (codes - flat.detach()).square().sum(3).mean()
            distance = distance + COMMITMENT_WEIGHT * (codes.detach() - flat).square().sum(3).mean()
            quantized = (flat + (codes - flat).detach()).permute(0, 3, 1, 2)  # straight-through estimator
            autoencoder.used += torch.bincount(nearest.flatten(), minlength=len(autoencoder.used))
        autoencoder.step += 1
        reconstruction = autoencoder.decode(quantized).float()
        scale = 2 / (1 - lowest)
        l1, l2 = functional.l1_loss(reconstruction, batch), functional.mse_loss(reconstruction, batch)
        return l1 * scale + l2 * scale**2 + distance

    return loss


def _initialize_codes(autoencoder: TokenAutoencoder, vectors: torch.Tensor, generator: torch.Generator) -> None:
    """Set the codes to cluster means of vectors (n, D, h, w), by ten iterations of spherical k-means."""
    flat = vectors.permute(0, 2, 3, 1).flatten(0, 2)
    n_codes = len(autoencoder.used)
    means = flat[torch.randperm(len(flat), generator=generator)[torch.arange(n_codes) % len(flat)]].clone()
    for _ in range(10):
        with full_precision():
            nearest = torch.cat([(part @ means.T).argmax(1) for part in torch.split(flat, 4096)])
        sums = torch.zeros_like(means).index_add_(0, nearest, flat)
        empty = sums.norm(dim=1) == 0
        means = functional.normalize(sums, dim=1)
        means[empty] = flat[torch.randint(len(flat), (int(empty.sum()),), generator=generator)]
    autoencoder.set_codes(torch.arange(n_codes), means)


def _replace_unused_codes(autoencoder: TokenAutoencoder, flat: torch.Tensor, generator: torch.Generator) -> None:
    """Replace unused codes by vectors that are drawn at random from `flat` (N, D). At most N/4 codes are replaced."""
    unused = (autoencoder.used == 0).nonzero()[:, 0][: len(flat) // 4]
    autoencoder.set_codes(unused, flat[torch.randperm(len(flat), generator=generator)[: len(unused)]])


@torch.inference_mode()
def encode_tokens(autoencoder: TokenAutoencoder, images: TrainingImages, size: int, lowest: float) -> torch.Tensor:
    """Return the tokens of all images and of their mirror images as an int16 tensor (2, n, h, w).

    The parameters `size` and `lowest` are those of `tokens_loss`.
    """
    parts = []
    for indices in torch.split(torch.arange(len(images)), ENCODING_BATCH):
        batch = lowest + (1 - lowest) * (images.select(indices.numpy(), size) + 1) / 2
        pair = [autoencoder.nearest(autoencoder.vectors(pixels)) for pixels in (batch, batch.flip(3))]
        parts.append(torch.stack(pair))
    return torch.cat(parts, dim=1).to(torch.int16)
