// Polygons of a class, drawn where someone knows better than the map, and the training on them.

import {Draw, Feature, Fill, Modify, Polygon, Snap, Stroke, Style, VectorSource} from '../vendor/page.js';
import {Refusal, address, idOf, request, send} from './api.js';
import {byId, element} from './elements.js';
import {Suggestions} from './suggest.js';
import {T} from './texts.js';
import {rgb} from './tiles.js';
import {showLayer} from './viewer.js';

const LISTED = 100;
const HALO = new Stroke({color: '#ffffff', width: 5});

/** The corrections of the map that is shown. */
export class Corrector {
  constructor(viewer, jobs) {
    this.viewer = viewer;
    this.jobs = jobs;
    this.source = new VectorSource();
    this.unsaved = false;
    viewer.drawings.setSource(this.source);
    viewer.drawings.setStyle((feature) => this.styleOf(feature));
    this.suggestions = new Suggestions(this);
    this.modify = new Modify({source: this.source});
    this.modify.on('modifyend', () => this.changed());
    viewer.map.addInteraction(this.modify);
    byId('draw').addEventListener('click', () => (this.drawing ? this.stop() : this.start()));
    byId('square').addEventListener('click', () => this.addSquare());
    byId('outlines').addEventListener('change', () => this.showOutlines());
    byId('save').addEventListener('click', () => this.trying(() => this.save()));
    byId('improve').addEventListener('click', () => this.trying(() => this.improve()));
    document.addEventListener('keydown', (event) => event.key === 'Escape' && this.stop());
  }

  /** Whether training can run on the server, and if not, what adds it. */
  set canImprove(answer) {
    this.improvable = answer;
    this.listAnew();
  }

  /** Nothing is shown any more. */
  close() {
    this.stop();
    this.result = undefined;
    this.unsaved = false;
    this.source.clear();
    this.suggestions.clear();
    this.showOutlines();
    byId('correcting').hidden = true;
  }

  /** Take the map that is shown now, with the corrections that the server keeps of it. */
  async open(result) {
    this.stop();
    this.result = result;
    this.read = undefined; // until the kept ones are here, none may take their place
    this.unsaved = false;
    this.source.clear();
    this.suggestions.clear();
    this.listAnew();
    byId('correcting').hidden = false;
    const options = result.classes.map((one) => element('option', {value: one.name}, one.name));
    byId('correct-class').replaceChildren(...options);
    for (const id of ['draw', 'square', 'suggest']) byId(id).disabled = !result.correctable;
    if (!result.correctable) return this.say(T.cannotCorrect);
    const answer = await request('GET', `maps/${result.id}/corrections`);
    const kept = await answer.json();
    if (this.result !== result) return undefined; // another map was opened meanwhile
    this.read = answer.headers.get('ETag');
    const drawn = this.unsaved;
    this.add(kept.features ?? []);
    this.unsaved = drawn;
    this.listAnew();
    if (drawn) return this.say(T.unsaved(this.count));
    return this.say(this.count ? T.saved(this.count) : '');
  }

  get count() {
    return this.source.getFeatures().length;
  }

  /** Add GeoJSON features in the coordinates of corrections. */
  add(features) {
    for (const {geometry, properties} of features) {
      const polygons = geometry.type === 'MultiPolygon' ? geometry.coordinates : [geometry.coordinates];
      for (const rings of polygons) this.addRings(rings.map((ring) => ring.map((place) => this.result.fromCorrection(place))), properties);
    }
    this.changed();
  }

  /** `kept_aside` says how an improvement used the polygon, and stays with it: see the server's kept_aside.py. */
  addRings(rings, {class: name, kept_aside}) {
    this.source.addFeature(new Feature({geometry: new Polygon(rings), class: name, kept_aside}));
  }

  /** Draw polygons of the chosen class until it is stopped. */
  start() {
    this.drawing = [new Draw({source: this.source, type: 'Polygon'}), new Snap({source: this.source})];
    this.drawing[0].on('drawend', ({feature}) => {
      feature.set('class', byId('correct-class').value);
      setTimeout(() => this.changed()); // the source has it after this event
    });
    for (const one of this.drawing) this.viewer.map.addInteraction(one);
    byId('draw').setAttribute('aria-pressed', 'true');
    byId('outlines').checked = true;
    this.showOutlines();
    this.say(T.drawing);
  }

  stop() {
    for (const one of this.drawing ?? []) this.viewer.map.removeInteraction(one);
    if (this.drawing) this.say(this.count ? T.unsaved(this.count) : '');
    this.drawing = undefined;
    byId('draw').setAttribute('aria-pressed', 'false');
  }

  /** A square at the centre, an eighth of the view wide: the way without a pointer. */
  addSquare() {
    const view = this.viewer.map.getView();
    const half = (view.getResolution() * Math.min(...this.viewer.map.getSize())) / 16;
    const [x, y] = view.getCenter();
    const ring = [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]].map(([i, j]) => [x + i * half, y + j * half]);
    this.addRings([ring], {class: byId('correct-class').value});
    this.changed();
  }

  changed() {
    this.unsaved = true;
    byId('outlines').checked = true;
    this.listAnew();
    this.say(T.unsaved(this.count));
  }

  listAnew() {
    const features = this.source.getFeatures();
    this.showOutlines();
    byId('save').disabled = !(this.unsaved && this.read);
    this.allowImprove();
    const focused = document.activeElement?.id;
    byId('corrections').replaceChildren(...features.slice(-LISTED).map((one) => this.row(one, features.indexOf(one) + 1)));
    // The keyboard stays where it was; after the last row was deleted, at the button that draws another.
    if (focused && document.activeElement?.id !== focused) (byId(focused) ?? byId('square')).focus();
    if (features.length > LISTED) byId('corrections').prepend(element('li', {className: 'small'}, T.more(features.length - LISTED)));
    if (this.improvable && !this.improvable.available) this.say(T.cannotImprove(this.improvable.reason));
  }

  /** Polygons on the map, unless they are hidden. */
  showOutlines() {
    const shown = this.count > 0 && byId('outlines').checked;
    byId('outlines').disabled = !this.count;
    showLayer(this.viewer.drawings, shown);
    this.modify.setActive(shown); // what is not seen is not dragged
  }

  row(feature, number) {
    const name = feature.get('class');
    const names = [...new Set([...this.result.classes.map((one) => one.name), name])];
    const choice = element('select', {id: `correction-${number}-class`, 'aria-label': T.correctionClass(number)}, ...names.map((one) => element('option', {value: one}, one)));
    choice.value = name;
    choice.addEventListener('change', () => { feature.set('class', choice.value); this.changed(); });
    const swatch = element('span', {className: 'swatch'});
    swatch.style.backgroundColor = this.colorOf(name);
    const go = element('button', {type: 'button', id: `correction-${number}-go`, 'aria-label': T.correctionGo(number, name)}, T.go);
    go.addEventListener('click', () => this.goTo(feature.getGeometry().getExtent()));
    const remove = element('button', {type: 'button', id: `correction-${number}-delete`, 'aria-label': T.correctionRemove(number, name)}, T.remove);
    remove.addEventListener('click', () => { this.source.removeFeature(feature); this.changed(); });
    const aside = feature.get('kept_aside') ? [element('span', {className: 'small'}, T.keptAside)] : [];
    return element('li', {className: 'row'}, swatch, choice, ...aside, go, remove);
  }

  goTo(extent) {
    this.viewer.map.getView().fit(extent, {padding: [60, 60, 60, 60], duration: 200});
  }

  /** Send the polygons in place of those that the server keeps. */
  async save() {
    const features = this.source.getFeatures().map((feature) => ({
      type: 'Feature',
      geometry: {type: 'Polygon', coordinates: feature.getGeometry().getCoordinates().map((ring) => ring.map((place) => this.result.toCorrection(place)))},
      properties: {class: feature.get('class'), kept_aside: feature.get('kept_aside')},
    }));
    const {result} = this;
    const answer = await send('PUT', `maps/${result.id}/corrections`, {type: 'FeatureCollection', features},
      {type: 'application/geo+json', headers: {'If-Match': this.read}});
    if (this.result !== result) return; // another map was opened meanwhile
    this.read = answer.headers.get('ETag');
    this.unsaved = false;
    this.listAnew();
    this.say(T.saved(features.length));
  }

  /** Train the map's model on the corrections, and map the image again: a job. */
  async improve() {
    this.stop();
    const {result} = this;
    byId('improve').disabled = true; // a double click is one improvement
    try {
      if (this.unsaved) await this.save();
      byId('improve').disabled = true;
      const inputs = {map: {href: new URL(address(`maps/${result.id}`)).pathname}};
      const answer = await send('POST', 'processes/improve/execution', {inputs});
      this.say(T.improving);
      await this.jobs.add(idOf(answer), result.name);
    } finally {
      this.allowImprove();
    }
  }

  allowImprove() {
    byId('improve').disabled = !(this.count && this.read && this.improvable?.available);
  }

  say(words) {
    byId('correct-state').textContent = words;
  }

  async trying(work) {
    try {
      await work();
    } catch (error) {
      this.say(error instanceof Refusal ? (error.status === 412 ? T.changedElsewhere : error.message) : T.noAnswer);
    }
  }

  colorOf(name) {
    return this.result?.classes.find((one) => one.name === name)?.color ?? '#808080';
  }

  /** A white halo and the class's colour, so that outlines are seen on every ground. */
  styleOf(feature) {
    const color = this.colorOf(feature.get('class'));
    const [r, g, b] = rgb(color);
    return [new Style({stroke: HALO}), new Style({stroke: new Stroke({color, width: 3}), fill: new Fill({color: `rgba(${r},${g},${b},0.35)`})})];
  }
}
