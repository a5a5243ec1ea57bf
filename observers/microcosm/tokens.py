"""Autoencoders whose latents are one of V vectors each, so that an image is a sentence of tokens: van den Oord et al. 2017.

Vectors are of length 1, as Janus has them (and Yu et al. 2022): the nearest code is that of the least angle. Codes begin as
the means of clusters of what the encoder makes of pictures once it has been trained a little without them, and those that
nothing is near are put elsewhere.
"""

from collections.abc import Callable

import torch
from torch.nn import functional

from observers.microcosm.training_images import TrainingImages
from observers.microcosm.training_loop import Loss, TrainingSettings, exactly

FREE = 0.15  # of the steps: without codes
CHECKED = 100  # steps after which codes that nothing was near are put elsewhere
SETTLED = 0.7  # of the steps, from where on they are left alone
COMMITMENT = 0.25
PART = 500  # pictures read at once


class TokenAutoencoder(torch.nn.Module):
    """An autoencoder and its codes. `encode` and `decode` are of images (n, 3, s, s) and vectors (n, D, h, w)."""

    step: torch.Tensor
    used: torch.Tensor

    def __init__(
        self,
        network: torch.nn.Module,
        codes: torch.nn.Embedding,
        encode: Callable[[torch.Tensor], torch.Tensor],
        decode: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        super().__init__()
        self.network, self.encode, self.decode = network, encode, decode
        self._codes = [codes]  # in a list, since it is a part of the network
        self.register_buffer("step", torch.tensor(0))
        self.register_buffer("used", torch.zeros(codes.num_embeddings))

    @property
    def codes(self) -> torch.Tensor:
        """(V, D) of length 1."""
        return functional.normalize(self._codes[0].weight, dim=1)

    def vectors(self, images: torch.Tensor) -> torch.Tensor:
        """(n, D, h, w) of length 1."""
        return functional.normalize(self.encode(images).float(), dim=1)

    def nearest(self, vectors: torch.Tensor) -> torch.Tensor:
        """(n, D, h, w) -> (n, h, w) numbers of codes."""
        with exactly():
            return (vectors.permute(0, 2, 3, 1) @ self.codes.T).argmax(dim=3)

    @torch.no_grad()
    def put(self, which: torch.Tensor, where: torch.Tensor) -> None:
        self._codes[0].weight[which] = where

    @torch.no_grad()
    def finish(self) -> None:
        """Lengths of 1 in the weights too."""
        self._codes[0].weight.copy_(self.codes)


def tokens_loss(
    tokens: TokenAutoencoder, pictures: TrainingImages, plan: TrainingSettings, size: int, darkest: float
) -> Loss:
    """Of reconstructions, |x̂ − x| + (x̂ − x)², and of the distance of vectors and codes. Pixels are in darkest..1."""

    def given(generator: torch.Generator) -> torch.Tensor:
        images, _ = pictures.batch(plan.batch, generator, size)
        return darkest + (1 - darkest) * (images + 1) / 2

    free = int(FREE * plan.steps)

    def loss(generator: torch.Generator) -> torch.Tensor:
        images, step = given(generator), int(tokens.step)
        vectors = tokens.vectors(images)
        if step < free:
            seen, distance = vectors, torch.zeros(())
        else:
            if step == free:
                _begin(tokens, torch.cat([tokens.vectors(given(generator)).detach() for _ in range(16)]), generator)
            flat = vectors.permute(0, 2, 3, 1)
            if step > free and (step - free) % CHECKED == 0:
                if step < SETTLED * plan.steps:
                    _replace(tokens, flat.detach().flatten(0, 2), generator)
                tokens.used.zero_()
            nearest = tokens.nearest(vectors)
            met = tokens.codes[nearest]
            distance = (met - flat.detach()).square().sum(3).mean()
            distance = distance + COMMITMENT * (met.detach() - flat).square().sum(3).mean()
            seen = (flat + (met - flat).detach()).permute(0, 3, 1, 2)
            tokens.used += torch.bincount(nearest.flatten(), minlength=len(tokens.used))
        tokens.step += 1
        out = tokens.decode(seen).float()
        scale = 2 / (1 - darkest)
        return functional.l1_loss(out, images) * scale + functional.mse_loss(out, images) * scale**2 + distance

    return loss


def _begin(tokens: TokenAutoencoder, vectors: torch.Tensor, generator: torch.Generator) -> None:
    """Codes are the means of clusters: k-means on the sphere, ten rounds."""
    flat = vectors.permute(0, 2, 3, 1).flatten(0, 2)
    n = len(tokens.used)
    means = flat[torch.randperm(len(flat), generator=generator)[torch.arange(n) % len(flat)]].clone()
    for _ in range(10):
        with exactly():
            nearest = torch.cat([(part @ means.T).argmax(1) for part in torch.split(flat, 4096)])
        sums = torch.zeros_like(means).index_add_(0, nearest, flat)
        empty = sums.norm(dim=1) == 0
        means = functional.normalize(sums, dim=1)
        means[empty] = flat[torch.randint(len(flat), (int(empty.sum()),), generator=generator)]
    tokens.put(torch.arange(n), means)


def _replace(tokens: TokenAutoencoder, flat: torch.Tensor, generator: torch.Generator) -> None:
    """Codes that nothing was near become vectors of this batch."""
    unused = (tokens.used == 0).nonzero()[:, 0][: len(flat) // 4]
    tokens.put(unused, flat[torch.randperm(len(flat), generator=generator)[: len(unused)]])


@torch.inference_mode()
def tokens_of(tokens: TokenAutoencoder, pictures: TrainingImages, size: int, darkest: float) -> torch.Tensor:
    """(2, n, h, w) int16 tokens, of the pictures and of them mirrored."""
    found = []
    for which in torch.split(torch.arange(len(pictures)), PART):
        images = darkest + (1 - darkest) * (pictures.at(which.numpy(), size) + 1) / 2
        found.append(torch.stack([tokens.nearest(tokens.vectors(given)) for given in (images, images.flip(3))]))
    return torch.cat(found, dim=1).to(torch.int16)
