"""Seeded noise, smooth and grainy, from sums and products alone: the same bits on every machine."""

import numpy as np
from numpy.typing import NDArray


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> NDArray[np.float32]:
    """Noise (H, W) in -1..1 with blobs about `cell` px wide: quadratic B-splines over random knots."""
    rows, cols = (_spline(size, cell) for size in shape)
    knots = rng.random((rows[0][-1] + 3, cols[0][-1] + 3), np.float32) * 2 - 1
    columns = _blend(knots, rows)
    noise = _blend(np.ascontiguousarray(columns.T), cols).T
    return np.asarray(np.clip(noise * np.float32(1.7), -1, 1), np.float32)


def cloudy_noise(rng: np.random.Generator, shape: tuple[int, int], cell: float, octaves: int) -> NDArray[np.float32]:
    """Smooth noise (H, W) in -1..1 with finer and weaker detail in each further octave."""
    noise = np.zeros(shape, np.float32)
    strength = 1.0
    for octave in range(octaves):
        noise += smooth_noise(rng, shape, max(1.0, cell / 2**octave)) * np.float32(strength)
        strength *= 0.55
    return np.asarray(np.clip(noise / np.float32(1.3), -1, 1), np.float32)


def grain(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Independent, nearly normal noise of standard deviation 1: the sum of three uniform bytes."""
    draws = rng.integers(0, 256, (3, *shape), np.uint8)
    total: NDArray[np.float32] = draws[0].astype(np.float32)
    total += draws[1]
    total += draws[2]
    total -= np.float32(382.5)
    total *= np.float32(1 / 128)
    return total


def triangle_wave(phase: NDArray[np.float32]) -> NDArray[np.float32]:
    """A triangle wave of period 1 between -1 and 1."""
    return np.asarray(4 * np.abs(phase - np.floor(phase) - np.float32(0.5)) - 1, np.float32)


def _spline(size: int, cell: float) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each pixel of an axis: the first of its three knots (size,), and the distance past it (size,), 0..1."""
    position = (np.arange(size) + 0.5) / cell
    first = position.astype(np.intp)
    return first, (position - first).astype(np.float32)


def _blend(knots: NDArray[np.float32], axis: tuple[NDArray[np.intp], NDArray[np.float32]]) -> NDArray[np.float32]:
    first, t = axis[0], axis[1][:, None]
    half = np.float32(0.5)
    blended = knots[first] * (half * (1 - t) * (1 - t))
    blended += knots[first + 1] * (half + t - t * t)
    blended += knots[first + 2] * (half * t * t)
    return blended
