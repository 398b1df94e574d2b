// What leaves the page: files to download, and addresses for QGIS and other programs.

import {address} from './api.js';
import {byId, element} from './elements.js';
import {T} from './texts.js';

/** List a map's files and addresses. */
export function showAddresses(result) {
  const files = Object.entries(result.item.assets).map(([key, asset]) =>
    element('li', {}, element('a', {href: asset.href, download: ''}, T.asset(key, asset.title))));
  byId('downloads').replaceChildren(...files);
  const tiles = result.link('xyz');
  const fields = [field(T.cog, `/vsicurl/${address(result.file('classes'))}`)];
  if (tiles) fields.unshift(field(T.xyz, template(tiles)), field(T.wmts, address(result.link('wmts'))));
  else fields.push(element('p', {className: 'small'}, T.noTiles));
  byId('addresses').replaceChildren(...fields);
}

/** The whole address of a template, its braces kept. */
export function template(path) {
  return address(path).replaceAll('%7B', '{').replaceAll('%7D', '}');
}

function field(name, value) {
  const id = `address-${name.split(' ')[0].toLowerCase()}`;
  const input = element('input', {id, value, readOnly: true, type: 'text'});
  const button = element('button', {type: 'button', 'aria-label': T.of(T.copy, name)}, T.copy);
  button.addEventListener('click', async () => {
    input.select();
    // The clipboard is closed to pages without TLS; there the selected text can be copied by hand.
    await navigator.clipboard?.writeText(value).then(() => { button.textContent = T.copied; }, () => {});
  });
  return element('div', {className: 'address'}, element('label', {htmlFor: id}, name), element('div', {className: 'row'}, input, button));
}
