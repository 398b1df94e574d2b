// A finished map as the page knows it: its files, its classes, and where its pixels lie in the view.

import {Projection, proj4, projection, register, transform} from '../vendor/page.js';
import {read} from './api.js';

/** Read the STAC item of a job. */
export async function readResult(jobId) {
  return new Result(jobId, await read(`jobs/${jobId}/results`));
}

const LONLAT = 'EPSG:4326';
const MERCATOR = 'EPSG:3857';

/** A finished map. Pixels are (column, row) from the top left; places are in the view, whose y grows upwards. */
export class Result {
  constructor(jobId, item) {
    this.id = jobId;
    this.item = item;
    const told = item.properties;
    this.model = told['terrazzo:model'];
    this.name = told.title === jobId ? '' : told.title ?? '';
    this.before = told['terrazzo:before'];
    this.scores = told['terrazzo:scores'];
    this.classes = told['terrazzo:classes'];
    this.areas = new Map(told['terrazzo:areas'].map((row) => [row.id, row]));
    [this.height, this.width] = told['proj:shape'];
    this.transform = told['proj:transform'];
    this.onEarth = item.geometry != null;
    this.hasCrs = Boolean(told['proj:code'] || told['proj:wkt2']);
    this.crs = this.hasCrs ? projectionOf(told) : undefined;
    const [, b, , d] = this.transform;
    // A turned grid has no rows along the view's x, so the view shows its pixels.
    if (this.crs && b === 0 && d === 0) this.projection = this.crs;
    else this.projection = new Projection({code: `pixels:${this.width}x${this.height}`, units: 'pixels', extent: [0, -this.height, this.width, 0]});
  }

  /** From now on the view is in Web Mercator, as the server's tiles are. */
  viewInMercator() {
    this.projection = projection(MERCATOR);
  }

  get inPixels() {
    return this.projection.getUnits() === 'pixels';
  }

  /** Width and height of a pixel in the view, in pixels or in the raster's own projection; y grows upwards. */
  get steps() {
    return this.inPixels ? [1, -1] : [this.transform[0], this.transform[4]];
  }

  /** left, bottom, right, top in the view. */
  get extent() {
    const corners = [[0, 0], [this.width, 0], [0, this.height], [this.width, this.height]].map((pixel) => this.toView(pixel));
    const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  }

  toView(pixel) {
    if (this.inPixels) return [pixel[0], -pixel[1]];
    const place = this.toCrs(pixel);
    return this.projection === this.crs ? place : transform(place, this.crs, this.projection);
  }

  toPixel(place) {
    if (this.inPixels) return [place[0], -place[1]];
    return this.fromCrs(this.projection === this.crs ? place : transform(place, this.projection, this.crs));
  }

  toCrs([col, row]) {
    const [a, b, c, d, e, f] = this.transform;
    return [a * col + b * row + c, d * col + e * row + f];
  }

  fromCrs([x, y]) {
    const [a, b, c, d, e, f] = this.transform;
    const area = a * e - b * d;
    return [(e * (x - c) - b * (y - f)) / area, (a * (y - f) - d * (x - c)) / area];
  }

  /** What the server's `point` takes: the raster's CRS, or pixels where it has none. */
  toPoint(place) {
    const pixel = this.toPixel(place);
    return this.hasCrs ? this.toCrs(pixel) : pixel;
  }

  /** Whether corrections can be put into the coordinates that the server takes. */
  get correctable() {
    return !this.onEarth || Boolean(this.crs);
  }

  /** From the view to the coordinates of corrections: longitude and latitude, or pixels. */
  toCorrection(place) {
    const pixel = this.toPixel(place);
    return this.onEarth ? transform(this.toCrs(pixel), this.crs, LONLAT) : pixel;
  }

  /** From the coordinates of corrections to the view. */
  fromCorrection(place) {
    return this.toView(this.onEarth ? this.fromCrs(transform(place, LONLAT, this.crs)) : place);
  }

  /** The path of one of its files; undefined where it has none. */
  file(key) {
    return this.item.assets[key]?.href;
  }

  /** The path of a link by its `rel`. */
  link(rel) {
    return this.item.links.find((one) => one.rel === rel)?.href;
  }
}

const unnamed = []; // WKT of projections without a code: maps of one image have one projection, as a view has

/** The projection of a raster; undefined where proj4 cannot read it. */
function projectionOf(told) {
  const known = projection(told['proj:code'] ?? '');
  if (known) return known;
  const wkt = told['proj:wkt2'];
  if (!told['proj:code'] && !unnamed.includes(wkt)) unnamed.push(wkt);
  const name = told['proj:code'] ?? `unnamed:${unnamed.indexOf(wkt)}`;
  try {
    proj4.defs(name, told['proj:wkt2']);
    register(proj4);
    const found = projection(name);
    return found && transform([0, 0], LONLAT, found) ? found : undefined;
  } catch {
    return undefined;
  }
}
