// Writes src/terrazzo/serving/page/vendor/: page.js, its SHA-256, OpenLayers' style sheet, and the licences of all that is in them.
import {createHash} from 'node:crypto';
import {mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, '../src/terrazzo/serving/page/vendor');

const result = await build({
  absWorkingDir: here,
  entryPoints: ['src/page.js'],
  bundle: true,
  format: 'esm',
  minify: true,
  legalComments: 'none', // the licences stand in a file of their own
  metafile: true,
  target: 'es2022',
  write: false,
});
const code = result.outputFiles[0].contents;

const packages = new Set(
  Object.entries(Object.values(result.metafile.outputs)[0].inputs)
    .filter(([, use]) => use.bytesInOutput > 0)
    .map(([path]) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1])
    .filter(Boolean),
);
const licences = [...packages].sort().map((name) => {
  const folder = join(here, 'node_modules', name);
  const {version, license} = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `${license} (no file of its own)`;
  return `${name} ${version} (${license})\n\n${text}\n`;
});

mkdirSync(out, {recursive: true});
writeFileSync(join(out, 'page.js'), code);
writeFileSync(join(out, 'page.js.sha256'), `${createHash('sha256').update(code).digest('hex')}  page.js\n`);
writeFileSync(join(out, 'ol.css'), readFileSync(join(here, 'node_modules/ol/ol.css')));
writeFileSync(join(out, 'LICENCES.txt'), licences.join(`\n${'-'.repeat(80)}\n\n`));
