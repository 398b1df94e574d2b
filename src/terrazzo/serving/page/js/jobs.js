// Jobs and finished maps, the newest first. The list comes from the server, so that it survives a reload.

import {Refusal, read, request} from './api.js';
import {byId, element, notice} from './elements.js';
import {keep, kept} from './kept.js';
import {T} from './texts.js';

const EVERY = 1; // seconds between two looks while a job waits or runs
const RARELY = 30;
const ACTIVE = ['accepted', 'running'];

/** The list, and who hears of it when a job ends, or the map that is shown is deleted. */
export class Jobs {
  constructor({show, ended, gone}) {
    this.show = show;
    this.ended = ended;
    this.gone = gone;
    this.known = new Map();
    this.timer = undefined;
    this.shown = undefined;
  }

  /** Look now, and from then on as often as the jobs need. */
  async look() {
    clearTimeout(this.timer);
    const turn = (this.turn = (this.turn ?? 0) + 1);
    let active = true;
    try {
      const {jobs} = await read('jobs');
      if (turn !== this.turn) return;
      active = jobs.some((job) => ACTIVE.includes(job.status));
      this.draw(jobs);
      this.tell(jobs);
      if (byId('notice').textContent === T.lost) notice();
    } catch (error) {
      notice(error instanceof Refusal ? error.message : T.lost);
    }
    if (turn === this.turn) this.timer = setTimeout(() => this.look(), 1000 * (active ? EVERY : RARELY));
  }

  /** Tell of jobs that have ended since the last look. */
  tell(jobs) {
    const before = this.known;
    this.known = new Map(jobs.map((job) => [job.jobID, job]));
    for (const job of jobs) {
      const was = before.get(job.jobID)?.status ?? (this.mine.has(job.jobID) ? 'accepted' : undefined);
      if (ACTIVE.includes(was) && !ACTIVE.includes(job.status)) this.ended(job);
    }
  }

  /** Jobs that were started here, whose end is told even if no look saw them run. */
  mine = new Set();

  /** Remember a job that was started here, and the name to show. */
  add(jobId, name) {
    this.mine.add(jobId);
    remember(jobId, name);
    return this.look();
  }

  /** Which map stands on the left, and the name of its image. */
  mark(jobId, name) {
    this.shown = jobId;
    remember(jobId, name);
    this.draw([...this.known.values()]);
  }

  draw(jobs) {
    const focused = document.activeElement?.id;
    const rows = jobs.map((job) => this.row(job));
    byId('history').replaceChildren(...(rows.length ? rows : [element('li', {className: 'small'}, T.noHistory)]));
    if (focused && document.activeElement?.id !== focused) byId(focused)?.focus();
  }

  row(job) {
    const name = nameOf(job, this.known);
    const row = element('li', {className: `job ${job.status}`},
      element('p', {}, element('strong', {}, name), ' ', element('span', {className: 'small'}, T.date(job.created))),
      element('p', {className: 'small'}, job.status === 'failed' ? T.failed(job.message) : T.jobState(job)));
    if (job.status === 'running') row.append(element('progress', {max: 100, value: job.progress, 'aria-label': T.of(T.status(job.status), name)}));
    const buttons = element('div', {className: 'row'});
    if (job.status === 'successful' && job.processID !== 'suggest') {
      const shown = job.jobID === this.shown;
      const open = button(shown ? T.showing : T.show, name, () => this.show(job.jobID), `show-${job.jobID}`);
      if (shown) open.setAttribute('aria-current', 'true');
      buttons.append(open);
    }
    const end = ACTIVE.includes(job.status) ? T.cancel : T.remove;
    buttons.append(button(end, name, () => this.end(job.jobID), `end-${job.jobID}`));
    row.append(buttons);
    return row;
  }

  async end(jobId) {
    try {
      await request('DELETE', `jobs/${jobId}`);
      if (jobId === this.shown) {
        this.shown = undefined;
        this.gone();
      }
    } catch (error) {
      notice(error instanceof Refusal ? error.message : T.noAnswer);
    }
    await this.look();
  }
}

/** What a job is called: its image's name, if this browser sent it. */
function nameOf(job, known) {
  const map = job.inputs?.map;
  const image = names()[job.jobID] ?? (map && (names()[map] || known.get(map)?.processID));
  return T.jobName(job.processID, image);
}

function button(text, name, pressed, id) {
  const made = element('button', {type: 'button', id, 'aria-label': T.of(text, name)}, text);
  made.addEventListener('click', pressed);
  return made;
}

function names() {
  try {
    return JSON.parse(kept('terrazzo-names') || '{}');
  } catch {
    return {};
  }
}

function remember(jobId, name) {
  if (!name) return;
  const newest = Object.entries({...names(), [jobId]: name}).slice(-500);
  keep('terrazzo-names', JSON.stringify(Object.fromEntries(newest)));
}
