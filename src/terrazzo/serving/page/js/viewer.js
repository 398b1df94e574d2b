// The map on the left: the image, the classes on it, and the line that swipes between them.

import {
  ImageLayer, ImageStatic, OlMap, ScaleLine, TileLayer, VectorLayer, View, WebGLTileLayer, XYZ, controls, interactions,
  renderPixel,
} from '../vendor/page.js';
import {address} from './api.js';
import {byId} from './elements.js';
import {T} from './texts.js';
import {classPicture, classSource, imageSource, rgb} from './tiles.js';

const NODATA = 255;
/** Whether classes can be coloured here; else the server draws them. */
export const HAS_WEBGL = hasWebgl();

/** The OpenLayers map and what it shows. */
export class Viewer {
  constructor(basemap) {
    this.basemap = basemap;
    this.map = new OlMap({
      target: byId('map'),
      controls: controls({rotate: false, zoomOptions: {zoomInTipLabel: T.zoomIn, zoomOutTipLabel: T.zoomOut}}),
      interactions: interactions({altShiftDragRotate: false, pinchRotate: false}),
    });
    this.share = 0;
    this.classLayers = [];
    this.drawings = new VectorLayer({});
  }

  /** Show nothing. */
  clear() {
    this.turn = (this.turn ?? 0) + 1;
    this.result = undefined;
    this.classLayers = [];
    this.map.setLayers([]);
  }

  /** Show a map; `before` is the one that the swipe compares it with, else the image. False if another was asked for since. */
  async show(result, before) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const [layers, view] = await (HAS_WEBGL ? this.drawn(result, before) : this.served(result, before));
    if (turn !== this.turn) return false;
    const sameView = this.result && before && String(this.result.extent) === String(result.extent);
    this.result = result;
    this.map.setLayers([...this.basemapLayers(result), ...layers, this.drawings]);
    this.classLayers = [layers.at(-1), layers.before].filter(Boolean);
    this.clip(this.classLayers[0], false);
    if (layers.before) this.clip(layers.before, true);
    if (sameView) return true;
    this.map.setView(view);
    this.fit(view.get('extentOfMap'));
    for (const one of this.map.getControls().getArray()) if (one instanceof ScaleLine) this.map.removeControl(one);
    if (result.hasCrs) this.map.addControl(new ScaleLine());
    return true;
  }

  /** The layers of a browser that has WebGL, and a view in the raster's own projection. */
  async drawn(result, before) {
    const layers = [];
    if (result.file('image')) layers.push(new WebGLTileLayer({source: await imageSource(result), extent: result.extent}));
    if (before) {
      layers.before = await coloured(before);
      layers.push(layers.before);
    }
    layers.push(await coloured(result));
    const view = new View({projection: result.projection, showFullExtent: true, constrainOnlyCenter: true, enableRotation: false,
      ...scales(result.extent, result.steps[0])});
    view.set('extentOfMap', result.extent);
    return [layers, view];
  }

  /** The layers of a browser without WebGL: the server's tiles, or a picture of what has no place on the earth. */
  async served(result, before) {
    const layer = async (one) => {
      const tiles = one.link('xyz');
      if (tiles) return new TileLayer({source: new XYZ({url: address(tiles).replace(/%7B/g, '{').replace(/%7D/g, '}'), interpolate: false, transition: 0})});
      return new ImageLayer({source: new ImageStatic({url: await classPicture(one), imageExtent: one.extent, projection: one.projection, interpolate: false})});
    };
    const layers = await Promise.all((before ? [before, result] : [result]).map(layer));
    if (before) layers.before = layers[0];
    for (const one of [result, before]) if (one?.link('xyz')) one.viewInMercator();
    const extent = result.extent;
    const view = new View({projection: result.projection, enableRotation: false, ...scales(extent, (extent[2] - extent[0]) / result.width)});
    view.set('extentOfMap', extent);
    return [layers, view];
  }

  basemapLayers(result) {
    if (!this.basemap || !result.onEarth || result.inPixels) return [];
    return [new TileLayer({source: new XYZ({url: this.basemap, crossOrigin: 'anonymous'})})];
  }

  fit(extent) {
    this.map.getView().fit(extent, {padding: [12, 12, 12, 12]});
  }

  /** Hide or show a class. No request. */
  setClass(id, shown) {
    this.setVariables({[`show${id}`]: shown ? 1 : 0});
  }

  /** Hide pixels whose confidence in % is less. No request. */
  setLeast(percent) {
    this.setVariables({least: percent / 255});
  }

  setVariables(variables) {
    for (const layer of this.map.getLayers().getArray()) if (layer.get('classes')) layer.updateStyleVariables(variables);
  }

  /** Opacity of the classes, before and after, 0 to 1. No request. */
  setOpacity(opacity) {
    for (const layer of this.classLayers) layer.setOpacity(opacity);
  }

  /** Show the classes right of this share of the width, and what lies below, or came before, left of it. */
  setSwipe(share) {
    this.share = share;
    byId('swipe-line').style.left = `${share * 100}%`;
    byId('swipe-line').hidden = share === 0;
    this.map.render();
  }

  /** Cut a layer at the swipe line while it is drawn, in WebGL or on a plain canvas. */
  clip(layer, left) {
    const cut = (event) => {
      const [width, height] = this.map.getSize();
      const at = this.share * width;
      const corners = [renderPixel(event, [left ? 0 : at, height]), renderPixel(event, [left ? at : width, 0])];
      const [x, y] = corners[0];
      const [w, h] = [corners[1][0] - x, corners[1][1] - y];
      const context = event.context;
      if (context instanceof CanvasRenderingContext2D) {
        context.save();
        context.beginPath();
        context.rect(x, y, w, h);
        context.clip();
      } else {
        context.enable(context.SCISSOR_TEST);
        context.scissor(Math.round(x), Math.round(y), Math.max(0, Math.round(w)), Math.max(0, Math.round(h)));
      }
    };
    const release = ({context}) => {
      if (context instanceof CanvasRenderingContext2D) context.restore();
      else context.disable(context.SCISSOR_TEST);
    };
    layer.on('prerender', cut);
    layer.on('postrender', release);
  }
}

/** A layer of classes in their colours, each with a variable that hides it. */
async function coloured(result) {
  const id = ['round', ['*', 255, ['band', 1]]];
  const none = ['color', 0, 0, 0, 0];
  const shades = result.classes.flatMap((one) => [one.id, ['color', ...rgb(one.color), ['var', `show${one.id}`]]]);
  const layer = new WebGLTileLayer({
    source: await classSource(result),
    extent: result.extent,
    style: {
      variables: {least: 0, ...Object.fromEntries(result.classes.map((one) => [`show${one.id}`, 1]))},
      color: ['case', ['any', ['==', id, NODATA], ['<', ['band', 2], ['-', ['var', 'least'], 0.5 / 255]]], none, ['match', id, ...shades, none]],
    },
  });
  layer.set('classes', true);
  return layer;
}

/**
 * Show or hide a layer of outlines; one without any is hidden. Chromium 156 may go on to show what was on a canvas of
 * which nothing but clearing was asked, as of a layer that has become empty. A hidden layer has no canvas in the page.
 */
export function showLayer(layer, shown) {
  layer.setVisible(shown);
}

/** From twice the whole extent on a screen of 600 pixels to 32 screen pixels a pixel. */
function scales(extent, pixel) {
  const widest = Math.max(extent[2] - extent[0], extent[3] - extent[1]);
  return {
    center: [(extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2],
    maxResolution: Math.max(widest / 150, Math.abs(pixel)),
    minResolution: Math.abs(pixel) / 32,
    resolution: widest / 600,
  };
}

function hasWebgl() {
  try {
    return Boolean(document.createElement('canvas').getContext('webgl'));
  } catch {
    return false;
  }
}
