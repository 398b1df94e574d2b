// Puts the page together.

import {Refusal, address, idOf, send} from './api.js';
import {showAddresses} from './addresses.js';
import {Corrector} from './correct.js';
import {byId, element, fillTexts, notice} from './elements.js';
import {Jobs} from './jobs.js';
import {bindSliders, showLegend} from './legend.js';
import {bindLogin} from './login.js';
import {bindModels, chosenOptions, modelId, showModels} from './models.js';
import {bindReadout} from './readout.js';
import {readResult} from './result.js';
import {T} from './texts.js';
import {droppedFiles, typeOf, upload} from './upload.js';
import {Viewer} from './viewer.js';

let underWay = 0; // uploads, which a reload would cut off
let asked = 0; // maps that someone wanted to see; only the last one is shown

fillTexts();
bindLogin();
bindModels();

const viewer = new Viewer(await basemap());
const jobs = new Jobs({show: (id) => trying(() => show(id)), ended: (job) => trying(() => ended(job)), gone});
const corrector = new Corrector(viewer, jobs);
bindSliders(viewer);
bindReadout(viewer);
bindDrop();
window.addEventListener('beforeunload', (event) => { if (underWay || corrector.unsaved) event.preventDefault(); });
window.addEventListener('hashchange', () => location.hash.length > 1 && trying(() => show(location.hash.slice(1))));

await trying(async () => { corrector.canImprove = await showModels(); });
await jobs.look();
const wanted = location.hash.slice(1);
const newest = [...jobs.known.values()].find((job) => job.jobID === wanted && job.status === 'successful');
if (newest) await trying(() => show(newest.jobID));

/** Show a finished map, and of an improvement what was before. */
async function show(jobId) {
  const turn = ++asked;
  const result = await readResult(jobId);
  const before = result.before ? await readResult(result.before).catch(() => undefined) : undefined;
  if (turn !== asked || !(await viewer.show(result, before))) return;
  notice();
  byId('welcome').hidden = true;
  byId('result').hidden = false;
  byId('inspect').disabled = false;
  byId('result-heading').textContent = result.name || result.model;
  byId('result-about').textContent = [T.resultAbout(result.model, result.width, result.height), scores(result)].filter(Boolean).join('. ');
  byId('swipe-left').textContent = before ? T.before : T.image;
  byId('swipe-right').textContent = before ? T.after : T.mapSide;
  if (before) byId('swipe').value = 50;
  showLegend(result, viewer);
  showAddresses(result);
  byId('result').scrollIntoView({block: 'start'});
  history.replaceState(null, '', `#${jobId}`);
  jobs.mark(jobId, result.name);
  await corrector.open(result);
}

/** The map that was shown has been deleted. */
function gone() {
  asked += 1;
  viewer.clear();
  corrector.close();
  byId('welcome').hidden = false;
  byId('result').hidden = true;
  byId('inspect').disabled = true;
  byId('readout').textContent = '';
  for (const id of ['swipe-line', 'swipe-left', 'swipe-right']) byId(id).hidden = true;
  history.replaceState(null, '', location.pathname);
}

/** A job has ended: show its map if it was started here, and the improved model in the list. */
async function ended(job) {
  if (job.status !== 'successful') return;
  if (job.processID === 'improve') corrector.canImprove = await showModels();
  if (jobs.mine.has(job.jobID) && job.processID !== 'suggest' && !corrector.unsaved) await show(job.jobID);
}

/** Before and after on the corrections kept aside; where there are no scores, the server's word why. */
function scores({id, before, scores: found}) {
  return before ? T.gained(found) ?? T.sentence(jobs.known.get(id)?.message ?? '') : '';
}

function bindDrop() {
  const drop = byId('drop');
  for (const id of ['files', 'folder']) {
    byId(id).addEventListener('change', (event) => {
      const files = [...event.target.files];
      event.target.value = '';
      mapAll(files);
    });
  }
  // The whole page takes files, so that a missed drop does not leave the page for the image.
  document.addEventListener('dragover', (event) => { event.preventDefault(); drop.classList.add('over'); });
  document.addEventListener('dragleave', () => drop.classList.remove('over'));
  document.addEventListener('drop', async (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    try {
      mapAll(await droppedFiles(event.dataTransfer));
    } catch {
      notice(T.unreadable); // a folder that may not be read, or a file that is gone
    }
  });
}

/** Upload files, one after another, and ask for the map of each. */
async function mapAll(files) {
  notice();
  const images = files.filter((file) => typeOf(file.name));
  const others = files.length - images.length;
  for (const line of document.querySelectorAll('#uploads .left-out')) line.remove();
  if (others && images.length) byId('uploads').append(element('li', {className: 'left-out'}, T.leftOut(others)));
  if (others && !images.length) notice(T.nothingToMap);
  const [model, options] = [modelId(), chosenOptions()];
  for (const file of images) await mapOne(file, model, options);
}

async function mapOne(file, model, options) {
  const words = element('span', {}, T.uploading(file.name, 0));
  const bar = element('progress', {max: 1, value: 0, 'aria-label': file.name});
  const stop = new AbortController();
  const cancel = element('button', {type: 'button', 'aria-label': T.of(T.cancel, file.name)}, T.cancel);
  cancel.addEventListener('click', () => stop.abort());
  const row = element('li', {}, words, bar, cancel);
  byId('uploads').append(row);
  underWay += 1;
  try {
    const id = await upload(file, (share) => {
      bar.value = share;
      words.textContent = T.uploading(file.name, share);
    }, stop.signal);
    cancel.remove();
    const inputs = {image: {href: new URL(address(`uploads/${id}`)).pathname}, ...options};
    const answer = await send('POST', `processes/${encodeURIComponent(model)}/execution`, {inputs});
    row.remove();
    await jobs.add(idOf(answer), file.name);
  } catch (error) {
    if (stop.signal.aborted) return row.remove();
    bar.remove();
    cancel.remove();
    row.className = 'failed';
    words.textContent = T.refused(file.name, error instanceof Refusal ? error.message : T.noAnswer);
  } finally {
    underWay -= 1;
  }
}

/** Do something; what goes wrong stands in the notice. */
async function trying(work) {
  try {
    await work();
  } catch (error) {
    notice(error instanceof TypeError ? T.noAnswer : error.message);
    if (!(error instanceof Refusal)) console.warn(error);
  }
}

/** The XYZ address of --basemap, if the server was given one. */
async function basemap() {
  const answer = await fetch(address('page/server.json'));
  return answer.ok ? (await answer.json()).basemap : undefined;
}
