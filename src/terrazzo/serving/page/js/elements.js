// Elements of the page: found by id, and made with properties and children.

import {STATIC} from './texts.js';

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** A new element. `properties` are DOM properties; those with a dash are attributes. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-')) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** Put the texts of texts.js where index.html asks for them. */
export function fillTexts() {
  for (const one of document.querySelectorAll('[data-text]')) one.textContent = STATIC[one.dataset.text];
  for (const one of document.querySelectorAll('[data-label]')) one.setAttribute('aria-label', STATIC[one.dataset.label]);
}

/** Show a line that the user must read; an empty one takes it away. */
export function notice(line = '') {
  byId('notice').textContent = line;
  byId('notice').hidden = !line;
}
