// Places where a correction teaches most, as the server's `suggest` finds them.

import {Feature, Polygon, Stroke, Style, VectorLayer, VectorSource} from '../vendor/page.js';
import {Refusal, pause, request} from './api.js';
import {byId, element} from './elements.js';
import {T} from './texts.js';
import {showLayer} from './viewer.js';

const OUTLINE = [
  new Style({stroke: new Stroke({color: '#000000', width: 4})}),
  new Style({stroke: new Stroke({color: '#ffffff', width: 2, lineDash: [8, 6]})}),
];

/** Boxes of a map, the best first. Their polygons become corrections when someone accepts them. */
export class Suggestions {
  constructor(corrector) {
    this.corrector = corrector;
    this.source = new VectorSource();
    this.layer = new VectorLayer({source: this.source, style: OUTLINE});
    byId('suggest').addEventListener('click', () => corrector.trying(() => this.ask()));
  }

  clear() {
    this.source.clear();
    showLayer(this.layer, false);
    byId('boxes').replaceChildren();
  }

  /** Ask until the server has found them, or another map is shown. */
  async ask() {
    const {result} = this.corrector;
    this.corrector.say(T.suggesting);
    byId('suggest').disabled = true;
    try {
      for (;;) {
        const answer = await request('GET', `maps/${result.id}/suggestions`);
        if (result !== this.corrector.result) return;
        if (answer.status === 200) return this.show((await answer.json()).features);
        await pause(1);
      }
    } finally {
      byId('suggest').disabled = !this.corrector.result?.correctable;
    }
  }

  show(features) {
    const {result, viewer} = this.corrector;
    this.clear();
    const map = viewer.map;
    if (!map.getLayers().getArray().includes(this.layer)) map.addLayer(this.layer);
    const boxes = features.filter((one) => one.properties.kind === 'box');
    const polygons = features.filter((one) => one.properties.kind === 'polygon');
    boxes.sort((one, other) => one.properties.rank - other.properties.rank);
    byId('boxes').replaceChildren(...boxes.map((box) => {
      const outline = new Polygon(box.geometry.coordinates.map((ring) => ring.map((place) => result.fromCorrection(place))));
      this.source.addFeature(new Feature(outline));
      return this.row(box.properties, outline, polygons);
    }));
    showLayer(this.layer, boxes.length > 0);
    this.corrector.say(T.suggested(boxes.length));
  }

  row({rank, reason}, outline, polygons) {
    const go = element('button', {type: 'button', 'aria-label': T.boxGo(rank)}, T.go);
    go.addEventListener('click', () => this.corrector.goTo(outline.getExtent()));
    const accept = element('button', {type: 'button', 'aria-label': T.acceptOf(rank)}, T.accept);
    accept.addEventListener('click', () => {
      accept.disabled = true;
      this.corrector.add(polygons.filter((one) => liesIn(one.geometry, outline, this.corrector.result)));
    });
    return element('li', {}, element('p', {className: 'small'}, T.box(rank, reason)), element('div', {className: 'row'}, go, accept));
  }
}

/** Whether the middle of a geometry's extent lies in a box. */
function liesIn(geometry, outline, result) {
  const places = geometry.coordinates.flat(geometry.type === 'MultiPolygon' ? 2 : 1).map((place) => result.fromCorrection(place));
  const middle = [0, 1].map((axis) => {
    const along = places.map((place) => place[axis]);
    return (Math.min(...along) + Math.max(...along)) / 2;
  });
  return outline.intersectsCoordinate(middle);
}
