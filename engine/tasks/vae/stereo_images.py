"""How the recordings of a collection lie between two channels, so that its new sounds can lie likewise.

Letters: N learned sounds, K bands, D latent_dim, L latent frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engine.audio.stereo import BANDS, MONO, StereoImage

NEIGHBOURS = 3
NEARNESS = 8  # power of the inverse distance: at a sound's own code its own image


def collection_images(images: Sequence[StereoImage | None]) -> torch.Tensor | None:
    """Pan, width and side [N, 2 K + 1] of the sounds of a collection, each of one recording; None where most of them
    are mono."""
    stereo = sum(image is not None for image in images)
    if 2 * stereo < len(images):
        return None
    parts = ((one.pan, one.width, one.side) for one in (one or MONO for one in images))
    return torch.tensor([[*pan, *width, side] for pan, width, side in parts])


def check_images(images: torch.Tensor, sounds: int | None) -> torch.Tensor:
    """Pan, width and side [N, 2 K + 1] as a state held them; ``ValueError`` where their shape is another.

    sounds: N; None where the state was saved before its map was made.
    """
    if images.ndim != 2 or images.shape[1] != 2 * BANDS + 1 or len(images) != (sounds or len(images)):
        raise ValueError(f"stereo images of shape {tuple(images.shape)} for {sounds} sounds")
    return images.float()


def image_of(images: torch.Tensor, sound: int) -> StereoImage:
    """That of one learned sound."""
    *bands, side = images[sound].tolist()
    return StereoImage(tuple(bands[:BANDS]), tuple(bands[BANDS:]), side)


def image_near(code: torch.Tensor, codes: torch.Tensor, images: torch.Tensor) -> StereoImage:
    """The image of a ``code`` [D, L]: a mean of those [N, 2 K + 1] of the three nearest of ``codes`` [N, D, L].

    Widths are averaged as powers. A code that ends earlier is compared as far as it goes.
    """
    frames = min(code.shape[-1], codes.shape[-1])
    distance = (codes[..., :frames] - code[..., :frames]).square().sum((1, 2)).sqrt().double()
    near = distance.argsort(stable=True)[:NEIGHBOURS]
    weights = (distance[near] / distance[near].max().clamp_min(1e-9)).clamp_min(1e-6).pow(-NEARNESS)
    weights = weights / weights.sum()
    pan, width = images[near, : 2 * BANDS].double().view(-1, 2, BANDS).unbind(1)
    return StereoImage(tuple((weights @ pan).tolist()), tuple((weights @ width.square()).sqrt().tolist()))
