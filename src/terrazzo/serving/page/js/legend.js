// The table of classes, and the sliders below it. None of them asks the server for anything.

import {byId, element} from './elements.js';
import {T} from './texts.js';
import {HAS_WEBGL} from './viewer.js';

/** The rows of a map's classes: checkbox, colour and name, area, share. */
export function showLegend(result, viewer) {
  const inHectares = result.classes.some((one) => result.areas.get(one.id)?.hectares != null);
  byId('legend-unit').textContent = inHectares ? T.hectares : T.pixels;
  const rows = result.classes.map((one) => {
    const area = result.areas.get(one.id) ?? {pixels: 0, hectares: 0, share: 0};
    const box = element('input', {type: 'checkbox', id: `class-${one.id}`, checked: true, disabled: !HAS_WEBGL});
    box.addEventListener('change', () => viewer.setClass(one.id, box.checked));
    const swatch = element('span', {className: 'swatch'});
    swatch.style.backgroundColor = one.color;
    const bar = element('span', {className: 'bar'});
    bar.style.width = `${100 * area.share}%`;
    bar.style.backgroundColor = one.color;
    return element('tr', {},
      element('th', {scope: 'row'}, element('label', {htmlFor: box.id}, box, swatch, element('span', {}, one.name))),
      element('td', {className: 'amount'}, inHectares ? T.area(area.hectares) : T.count(area.pixels)),
      element('td', {}, element('span', {className: 'share'}, T.percent(area.share)), element('span', {className: 'track'}, bar)));
  });
  byId('legend').tBodies[0].replaceChildren(...rows);
  for (const id of ['opacity', 'least', 'swipe']) byId(id).dispatchEvent(new Event('input'));
}

/** Let the sliders move what the viewer shows. */
export function bindSliders(viewer) {
  slider('opacity', (value) => { viewer.setOpacity(value / 100); return `${value} %`; });
  slider('least', (value) => { viewer.setLeast(value); return `${value} %`; });
  slider('swipe', (value) => {
    viewer.setSwipe(value / 100);
    for (const id of ['swipe-left', 'swipe-right']) byId(id).hidden = value === 0;
    return value ? `${value} %` : T.swipeOff;
  });
  byId('least').disabled = !HAS_WEBGL;
  byId('no-webgl').hidden = HAS_WEBGL;
}

function slider(id, moved) {
  const input = byId(id);
  const shown = document.querySelector(`output[for="${id}"]`);
  input.addEventListener('input', () => { shown.textContent = moved(Number(input.value)); });
}
