"""Light and sensor: the position of the sun, and what air and camera do to the colours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from terrazzo.scenes.synthetic.noise import grain, smooth_noise


@dataclass(frozen=True)
class Light:
    """The sun: a unit vector (row, col) towards it in the image, and shadow length in px per px of height."""

    sun: tuple[float, float]
    stretch: float
    darkness: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Light":
        """A sun 35 to 58 degrees high, from any side."""
        azimuth = rng.uniform(0, 6.283)
        return cls(
            (float(np.cos(azimuth)), float(np.sin(azimuth))),
            float(rng.uniform(0.62, 1.4)),
            float(rng.uniform(0.5, 0.64)),
        )

    def shadow_of(self, height: float) -> tuple[float, float]:
        """The tip of a shadow relative to its foot, (row, col) in px."""
        return -self.sun[0] * self.stretch * height, -self.sun[1] * self.stretch * height


@dataclass(frozen=True)
class Sensor:
    """A camera and the air in front of it.

    Gains and the haze's colour, `veil`, are (red, green, blue). Haze and saturation are shares; blur is in px, noise in
    levels of 0..255.
    """

    gains: tuple[float, float, float]
    gamma: float
    haze: float
    saturation: float
    blur: float
    noise: float
    veil: tuple[float, float, float] = (0.72, 0.78, 0.86)

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Sensor":
        """One of many cameras on one of many days."""
        # White balance varies between warm and cool, hardly between pink and green.
        exposure, warmth, tint = rng.uniform((0.9, -0.09, -0.025), (1.18, 0.09, 0.025)).tolist()
        return cls(
            (exposure * (1 + warmth), exposure * (1 + tint), exposure * (1 - warmth)),
            gamma=float(rng.uniform(0.86, 1.12)),
            haze=float(rng.uniform(0.0, 0.18)),
            saturation=float(rng.uniform(0.62, 1.05)),
            blur=float(rng.uniform(0.35, 0.75)),
            noise=float(rng.uniform(1.5, 4.5)),
        )

    def shoot(self, rng: np.random.Generator, radiance: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The photo (H, W, 3) uint8 of a scene of radiance (H, W, 3), 0..255."""
        height, width = radiance.shape[:2]
        uneven = 1 + np.float32(0.06) * smooth_noise(rng, (height, width), max(height, width) / 2)
        grey = (radiance[..., 0] + radiance[..., 1] + radiance[..., 2]) * np.float32(1 / 3)
        radiance = (grey[..., None] + (radiance - grey[..., None]) * np.float32(self.saturation)) * uneven[..., None]
        soft = Image.fromarray(np.clip(radiance, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(self.blur))
        photo = np.asarray(soft.point(self._tones())).astype(np.float32)
        luminance = grain(rng, (height, width))
        for channel in range(3):
            own = grain(rng, (height, width))
            photo[..., channel] += np.float32(self.noise) * (np.float32(0.75) * luminance + np.float32(0.5) * own)
        return np.asarray(np.clip(photo + np.float32(0.5), 0, 255), np.uint8)

    def _tones(self) -> list[int]:
        """The look-up table of the three channels, 768 levels: gain, gamma, haze."""
        level = np.arange(256) / 255
        table: list[int] = []
        for gain, veil in zip(self.gains, self.veil, strict=True):
            toned = np.clip(level * gain, 0, 1) ** self.gamma * (1 - self.haze) + veil * self.haze
            table.extend(int(value) for value in np.clip(np.round(toned * 255), 0, 255))
        return table
