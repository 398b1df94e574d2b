// Takes every address out of package-lock.json: npm writes those of packages' sponsors, which building does not need.
import {readFileSync, writeFileSync} from 'node:fs';

const path = new URL('package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
for (const entry of Object.values(lock.packages)) delete entry.funding;
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
