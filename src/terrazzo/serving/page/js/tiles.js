// The pixels of cloud-optimised GeoTIFFs as sources of layers, read by HTTP Range.

import {DataTile, TileGrid, openTiff} from '../vendor/page.js';
import {address} from './api.js';

const NODATA = 255;
const ALL = 100;
const MOST = 4096;

/** Two bands: the class ids of classes.tif, and the confidences of confidence.tif in %. */
export async function classSource(result) {
  const files = [result.file('classes'), result.file('confidence')].filter(Boolean);
  const levels = await Promise.all(files.map(levelsOf));
  const load = async (image, window, size, signal) => {
    const read = (level) => level.readRasters({window, width: size, height: size, fillValue: NODATA, interleave: true, signal});
    const [ids, confidences] = await Promise.all(image.map(read));
    const pixels = new Uint8Array(2 * size * size);
    for (let n = 0; n < ids.length; n++) {
      pixels[2 * n] = ids[n];
      pixels[2 * n + 1] = confidences ? confidences[n] : ALL;
    }
    return pixels;
  };
  const pairs = levels[0].map((level, n) => levels.map((each) => each[n] ?? level));
  return source(result, levels[0], pairs, load, {bandCount: 2, interpolate: false});
}

/** Three bands and opacity: image.tif as it looks. */
export async function imageSource(result) {
  const levels = await levelsOf(result.file('image'));
  const nodata = levels[0].getGDALNoData();
  const load = async (image, window, size, signal) => {
    const colors = await image.readRGB({window, width: size, height: size, interleave: true, signal});
    const pixels = new Uint8Array(4 * size * size);
    for (let n = 0; n < size * size; n++) {
      const color = colors.subarray(3 * n, 3 * n + 3);
      pixels.set(color, 4 * n);
      pixels[4 * n + 3] = nodata !== null && color.every((value) => value === nodata) ? 0 : 255;
    }
    return pixels;
  };
  return source(result, levels, levels, load, {bandCount: 4, interpolate: true});
}

/** The address of a picture of the classes, one pixel each up to MOST on a side: for browsers without WebGL. */
export async function classPicture(result) {
  const levels = await levelsOf(result.file('classes'));
  const scale = Math.min(1, MOST / Math.max(result.width, result.height));
  const [width, height] = [result.width, result.height].map((size) => Math.max(1, Math.round(size * scale)));
  const level = levels.filter((one) => one.getWidth() >= width).at(-1) ?? levels[0];
  const ids = await level.readRasters({width, height, interleave: true});
  const colors = new Map(result.classes.map((one) => [one.id, [...rgb(one.color), 255]]));
  const canvas = document.createElement('canvas');
  Object.assign(canvas, {width, height});
  const context = canvas.getContext('2d');
  const picture = context.createImageData(width, height);
  for (let n = 0; n < ids.length; n++) {
    const color = colors.get(ids[n]);
    if (color) picture.data.set(color, 4 * n);
  }
  context.putImageData(picture, 0, 0);
  return canvas.toDataURL();
}

/** #rrggbb as three numbers. */
export function rgb(color) {
  return [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
}

/** The images of a file, the largest first. */
async function levelsOf(href) {
  const tiff = await openTiff(address(href), {blockSize: 65536, cacheSize: 200});
  const all = await Promise.all(Array.from({length: await tiff.getImageCount()}, (_, n) => tiff.getImage(n)));
  // Masks are images, too (bit 4 of NewSubfileType).
  const pictures = all.filter((image) => !((image.fileDirectory.getValue?.('NewSubfileType') ?? 0) & 4));
  return pictures.sort((one, other) => other.getWidth() - one.getWidth());
}

/** A source whose levels are those of the file. Tiles reach beyond the image's edge, where they are empty. */
function source(result, sizes, images, load, more) {
  const size = Math.min(512, sizes[0].getTileWidth());
  const [left, , , top] = result.extent;
  const levels = images.length;
  const grid = new TileGrid({
    extent: result.extent,
    origin: [left, top],
    resolutions: sizes.map((image) => (Math.abs(result.steps[0]) * result.width) / image.getWidth()).reverse(),
    tileSize: size,
  });
  return new DataTile({
    projection: result.projection,
    tileGrid: grid,
    tileSize: [size, size],
    transition: 0,
    wrapX: false,
    loader: (z, x, y, {signal}) => {
      const window = [x * size, y * size, (x + 1) * size, (y + 1) * size];
      return load(images[levels - 1 - z], window, size, signal);
    },
    ...more,
  });
}
