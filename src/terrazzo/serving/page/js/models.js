// The models to choose from, and the options of predict that the chosen one takes.

import {read} from './api.js';
import {byId, element, notice} from './elements.js';
import {T} from './texts.js';

let found = [];
let chosen = null;

/** Read the list anew; keeps the choice, or takes `wanted`. Returns whether training can run, and why not. */
export async function showModels(wanted) {
  const answer = await read('processes');
  found = answer.processes;
  const select = byId('model');
  const before = wanted ?? select.value;
  select.replaceChildren(...found.map((one) =>
    element('option', {value: one.id}, one.parent ? T.modelFrom(one.id, one.parent) : one.id)));
  if (found.some((one) => one.id === before)) select.value = before;
  notice(found.length ? '' : T.noModels);
  await choose();
  return answer.improve ?? {available: false, reason: ''};
}

/** The id of the chosen model. */
export const modelId = () => byId('model').value;

/** The options that were changed, as the inputs of a job. */
export function chosenOptions() {
  const values = {};
  for (const input of byId('options').querySelectorAll('[data-option]')) {
    const {option, kind} = input.dataset;
    if (kind === 'boolean') {
      if (input.checked !== (input.dataset.start === 'true')) values[option] = input.checked;
    } else if (input.value !== '') {
      values[option] = kind === 'number' ? Number(input.value) : input.value;
    }
  }
  return values;
}

/** Show another model when another is chosen. */
export function bindModels() {
  byId('model').addEventListener('change', choose);
}

async function choose() {
  const model = found.find((one) => one.id === modelId());
  byId('model-about').textContent = model ? [model.title, T.modelAbout(model.classes?.length ?? 0, model.gsd_m)].filter(Boolean).join(', ') : '';
  byId('model-lineage').textContent = model?.improvement ? T.lineage(model.improvement) : '';
  if (!model || chosen === model.id) return;
  chosen = model.id;
  const {inputs = {}} = await read(`processes/${encodeURIComponent(model.id)}`);
  byId('options').replaceChildren(...Object.entries(inputs).filter(([name]) => name !== 'image').map(([name, input]) => field(name, input)));
  byId('options-box').hidden = !byId('options').childElementCount;
}

/** A field for one option, by its JSON schema. An empty field leaves the server's default. */
function field(name, {schema, description}) {
  const kinds = [schema, ...(schema.anyOf ?? [])];
  const id = `option-${name}`;
  const about = element('span', {className: 'small', id: `${id}-about`}, description ?? '');
  const shared = {id, 'data-option': name, 'aria-describedby': about.id};
  const choices = kinds.find((one) => one.enum)?.enum;
  const isNumber = kinds.some((one) => one.type === 'integer' || one.type === 'number') && !kinds.some((one) => one.type === 'string');
  let input;
  if (schema.type === 'boolean') {
    input = element('input', {...shared, type: 'checkbox', checked: schema.default === true, 'data-kind': 'boolean', 'data-start': `${schema.default === true}`});
  } else if (choices) {
    input = element('select', {...shared, 'data-kind': 'choice'}, element('option', {value: ''}, start(schema)),
      ...choices.map((one) => element('option', {value: one}, one)));
  } else {
    input = element('input', {...shared, type: isNumber ? 'number' : 'text', placeholder: start(schema), 'data-kind': isNumber ? 'number' : 'text'});
    if (isNumber) input.step = 'any';
  }
  return element('div', {className: 'option'}, element('label', {htmlFor: id}, name.replaceAll('_', ' ')), input, about);
}

function start(schema) {
  const value = schema.default;
  return value == null || value === '' ? T.optionDefault : `${value}`;
}
