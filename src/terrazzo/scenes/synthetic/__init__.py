"""A seeded synthetic world seen from the air, with exact masks: `render` makes a scene, `write_world` a data set.

- plane, water, materials: geometry and surfaces
- quarters, streets, world: the plan (`world.plan`), collected as polygons on a `draft.Draft`
- paint, light, noise: a plan under a light becomes radiance and class ids, a sensor makes a photo of it
- styles: what the same plan looks like elsewhere
- sensors: what others see of the same scene, near infrared and heights
- render, write, published, georeferenced: seeds in, arrays or files out
"""

from terrazzo.scenes.synthetic.render import render
from terrazzo.scenes.synthetic.write import world_mark, write_world

__all__ = ["render", "world_mark", "write_world"]
