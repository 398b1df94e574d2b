// Every English word of the page. To translate it, translate this file alone.

const number = new Intl.NumberFormat('en', {maximumSignificantDigits: 4});
const hectares = new Intl.NumberFormat('en', {minimumFractionDigits: 2, maximumFractionDigits: 2});
const date = new Intl.DateTimeFormat('en', {dateStyle: 'medium', timeStyle: 'short'});

/** "45 s", "3 min", "2 h 5 min". */
function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "1 polygon", "3 polygons". */
function polygons(n) {
  return `${n} ${n === 1 ? 'polygon' : 'polygons'}`;
}

/** Texts that stand in index.html, by their data-text or data-label. */
export const STATIC = {
  map: 'Map',
  mapKeys: 'Map. Arrow keys move it, plus and minus zoom.',
  welcome: 'Choose a model and drop an image: its map appears here.',
  inspect: 'Inspect centre',
  logout: 'Log out',
  newMap: 'New map',
  model: 'Model',
  options: 'Options',
  drop: 'Drop images or a folder here, or',
  chooseFiles: 'Choose images',
  chooseFolder: 'Choose a folder',
  kinds: 'GeoTIFF, JPEG, PNG, WebP, BMP or JPEG 2000',
  legend: 'Classes, their areas and shares',
  className: 'Class',
  share: 'Share',
  opacity: 'Opacity',
  least: 'Least confidence',
  swipe: 'Swipe',
  noWebgl: 'This browser has no WebGL, so that the map is drawn without it. Classes cannot be hidden, nor filtered by confidence.',
  downloads: 'Downloads',
  addresses: 'Addresses for QGIS and other programs',
  correct: 'Correct and improve',
  correctHow: 'Draw polygons where you know the class, right or wrong in the map. Improve trains the model on them and maps the image again.',
  correctClass: 'Class of new polygons',
  draw: 'Draw',
  square: 'Square at the centre',
  suggest: 'Suggest places',
  outlines: 'Show the polygons',
  save: 'Save corrections',
  improve: 'Improve',
  history: 'Maps and jobs',
  login: 'Log in',
  token: 'Token',
  loginDo: 'Log in',
};

const STATUS = {accepted: 'waiting', running: 'running', successful: 'done', failed: 'failed', dismissed: 'cancelled'};
const ASSETS = {
  classes: 'Class map (GeoTIFF)',
  confidence: 'Confidence in % (GeoTIFF)',
  image: 'Image (GeoTIFF)',
  polygons: 'Polygons (GeoPackage)',
  areas: 'Areas (CSV)',
  style: 'Style for QGIS (QML)',
  quicklook: 'Picture (PNG)',
  run: 'How it was made (JSON)',
};

/** Texts with values in them. */
export const T = {
  number: (value) => number.format(value),
  count: (value) => value.toLocaleString('en'),
  area: (value) => hectares.format(value),
  percent: (share) => `${number.format(Math.round(share * 1000) / 10)} %`,
  pixels: 'Pixels',
  hectares: 'Hectares',
  date: (iso) => date.format(new Date(iso)),
  asset: (key, title) => ASSETS[key] ?? title ?? key,
  status: (status) => STATUS[status] ?? status,

  modelAbout: (n, gsd) => `${n} classes${gsd ? `, trained at ${number.format(gsd)} m per pixel` : ''}`,
  modelFrom: (id, parent) => `${id}, improved from ${parent}`,
  noModels: 'The server has no model.',
  optionDefault: 'default',

  uploading: (name, share) => `${name}: uploading, ${Math.round(share * 100)} %`,
  refused: (name, why) => `${name}: ${why}`,
  lost: 'The server does not answer. Trying again.',
  noAnswer: 'The server does not answer. Try again later.',
  nothingToMap: 'None of these files is an image of a kind that is read here.',
  leftOut: (n) => `${n} ${n === 1 ? 'file was' : 'files were'} left out: not an image of a kind that is read here.`,
  unreadable: 'These files cannot be read. Choose them with the button instead.',

  jobName: (process, name) => {
    if (process === 'improve') return `Improvement of ${name || 'a map'}`;
    if (process === 'suggest') return `Places to correct in ${name || 'a map'}`;
    return name || process;
  },
  jobState: (job) => {
    const words = [T.status(job.status)];
    if (job.status === 'accepted' && Number.isInteger(job.place)) words.push(job.place ? `${job.place} before it` : 'next');
    if (job.status === 'running') words.push(...[job.message, `${job.progress} %`].filter(Boolean));
    if (job.status === 'running' && job.seconds_left != null) words.push(`about ${duration(job.seconds_left)} left`);
    return words.join(', ');
  },
  show: 'Show',
  showing: 'Shown',
  cancel: 'Cancel',
  remove: 'Delete',
  of: (what, name) => `${what}: ${name}`,
  noHistory: 'None yet.',
  failed: (why) => `Failed: ${why}`,

  resultAbout: (model, width, height) => `by ${model}, ${width} × ${height} pixels`,
  sentence: (words) => words && `${words[0].toUpperCase()}${words.slice(1)}.`,
  gained: (scores) => {
    const {before, after} = scores ?? {};
    if (!before || !after) return undefined;
    const [from, to] = [before, after].map((one) => T.percent(one.accuracy));
    return `Right on ${polygons(after.polygons)} kept aside: ${from} → ${to} of the pixels.`;
  },
  lineage: ({parent, created, polygons: drawn, scores}) => {
    const on = drawn ? ` on ${polygons(drawn.trained)}` : '';
    const at = created ? `, ${T.date(created)}` : '';
    return [`Trained from ${parent}${on}${at}.`, T.gained(scores)].filter(Boolean).join(' ');
  },
  image: 'Image',
  before: 'Before',
  after: 'After',
  mapSide: 'Map',
  swipeOff: 'off',
  point: (name, confidence) => `${name}, ${confidence} % confident`,
  pointWithout: (name) => name,
  pointNone: 'No data here',
  pointOutside: 'Outside the map',
  pointAt: (x, y) => `at ${x}, ${y}`,
  xyz: 'XYZ tiles',
  wmts: 'WMTS',
  cog: 'COG (add as raster layer)',
  copy: 'Copy',
  copied: 'Copied',
  noTiles: 'The image has no place on the earth, so there are no tiles.',

  drawing: 'Click the corners; double-click to finish. Escape stops.',
  correctionClass: (n) => `Class of polygon ${n}`,
  correctionGo: (n, name) => `Go to polygon ${n}, ${name}`,
  correctionRemove: (n, name) => `Delete polygon ${n}, ${name}`,
  keptAside: 'kept aside',
  saved: (n) => (n ? `${polygons(n)} saved.` : 'Saved: no polygon is left.'),
  unsaved: (n) => `${n ? polygons(n) : 'No polygon'}, not saved yet.`,
  changedElsewhere: 'These polygons were changed in another window since they were read. Reload the page, and make your changes again.',
  suggesting: 'Looking for places where a correction teaches most.',
  suggested: (n) => (n === 1 ? "1 place suggested." : `${n} places suggested.`),
  go: 'Go to',
  more: (n) => `${n} more`,
  box: (rank, reason) => `Place ${rank}${reason ? `: ${reason}` : ''}`,
  accept: 'Accept its polygons',
  acceptOf: (rank) => `Accept the polygons of place ${rank}`,
  boxGo: (rank) => `Go to place ${rank}`,
  improving: 'Improving: see the job below. The new map appears when it is done.',
  cannotImprove: (why) => `Improve is off: ${why}`,
  cannotCorrect: 'The page does not know the coordinate system of this map, so it cannot be corrected here.',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
};
