// What the map says at the pointer, or at the centre: the server's answer for the full-resolution pixel.

import {Refusal, read} from './api.js';
import {byId} from './elements.js';
import {T} from './texts.js';

const REST = 120; // milliseconds that the pointer rests before the server is asked

/** Follow the pointer, and the button for those who have none. */
export function bindReadout(viewer) {
  let timer;
  let asked = 0;
  const say = async (place) => {
    const turn = ++asked;
    const words = await wordsAt(viewer.result, place);
    if (turn === asked) byId('readout').textContent = words;
  };
  viewer.map.on('pointermove', (event) => {
    clearTimeout(timer);
    if (!event.dragging && viewer.result) timer = setTimeout(() => say(event.coordinate), REST);
  });
  viewer.map.getViewport().addEventListener('pointerleave', () => clearTimeout(timer));
  byId('inspect').addEventListener('click', () => say(viewer.map.getView().getCenter()));
}

async function wordsAt(result, place) {
  const [col, row] = result.toPixel(place);
  if (col < 0 || row < 0 || col >= result.width || row >= result.height) return T.pointOutside;
  const [x, y] = result.toPoint(place);
  try {
    const found = await read(`maps/${result.id}/point?x=${x}&y=${y}`);
    if (!found.class) return T.pointNone;
    const words = found.confidence == null ? T.pointWithout(found.class.name) : T.point(found.class.name, found.confidence);
    return `${words}, ${T.pointAt(rounded(x), rounded(y))}`;
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return T.pointOutside;
    return error instanceof Refusal ? error.message : T.noAnswer;
  }
}

const rounded = (value) => Number(value.toPrecision(9)).toString();
