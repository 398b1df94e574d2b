// Files to the server: small ones at once, others in pieces that go on where a lost connection stopped them.

import {Refusal, idOf, pause, request} from './api.js';

const PIECE = 8 * 1024 * 1024;
const TRIES = 6;
const TYPES = new Map(Object.entries({
  tif: 'image/tiff', tiff: 'image/tiff', jpg: 'image/jpeg', jpeg: 'image/jpeg', png: 'image/png',
  webp: 'image/webp', bmp: 'image/bmp', jp2: 'image/jp2',
}));

/** The media type of a file by its name's ending; undefined for what is not read here. */
export const typeOf = (name) => TYPES.get(name.split('.').at(-1).toLowerCase());

/** The upload's id. `progress` is called with the share that has arrived, 0 to 1. What is aborted leaves nothing. */
export async function upload(file, progress, signal) {
  const headers = {'Content-Type': typeOf(file.name), 'Content-Disposition': disposition(file.name)};
  if (file.size <= PIECE) {
    const answer = await request('POST', 'uploads', {body: file, headers, signal});
    progress(1);
    return idOf(answer);
  }
  const made = await request('POST', 'uploads', {headers: {...headers, 'Upload-Length': `${file.size}`}});
  const id = idOf(made);
  let offset = 0;
  let failures = 0;
  while (offset < file.size) {
    try {
      await append(id, file, offset, signal);
      offset = Math.min(offset + PIECE, file.size);
      failures = 0;
    } catch (error) {
      if (signal.aborted) await request('DELETE', `uploads/${id}`).catch(() => {}); // the server clears it away later
      if (signal.aborted || !worthAnotherTry(error) || ++failures >= TRIES) throw error;
      await pause(2 ** (failures - 1));
      offset = await arrived(id, offset);
    }
    progress(offset / file.size);
  }
  return id;
}

function append(id, file, offset, signal) {
  return request('PATCH', `uploads/${id}`, {
    body: file.slice(offset, offset + PIECE),
    headers: {'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': `${offset}`},
    signal,
  });
}

/** How much the server has; the offset known so far while it does not answer. */
async function arrived(id, known) {
  try {
    const answer = await request('HEAD', `uploads/${id}`);
    return Number(answer.headers.get('Upload-Offset'));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return known;
  }
}

/** A lost connection, a wrong offset or a passing fault of the server; any other refusal is final. */
function worthAnotherTry(error) {
  return !(error instanceof Refusal) || [409, 429, 502, 503, 504].includes(error.status);
}

/** The file's name as RFC 6266 writes it, any script. */
function disposition(name) {
  const encoded = encodeURIComponent(name.toWellFormed?.() ?? name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename*=UTF-8''${encoded}`;
}

/** The files of a drop, those in folders included. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  return (await Promise.all(entries.map(filesBelow))).flat();
}

async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found; // a reader gives at most 100 at a time
    found.push(...(await Promise.all(some.map(filesBelow))).flat());
  }
}
