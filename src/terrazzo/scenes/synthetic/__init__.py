"""A seeded made-up world seen from the air, with exact masks: `render` one scene, `write_world` a data set.

plane, water, materials     the geometry and matter of a world; no randomness of their own
quarters, streets, world    what is planned where (`world.plan`), collected on a `draft.Draft` as polygons
paint, light, noise         a plan under a light becomes radiance and class ids, a sensor makes a photo of it
scenes, write, published    seeds in, arrays or files out
"""

from terrazzo.scenes.synthetic.render import render
from terrazzo.scenes.synthetic.write import world_mark, write_world

__all__ = ["render", "world_mark", "write_world"]
