// What the console says is there in both languages.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const CONSOLE = join(import.meta.dirname, '../../web/console');

async function texts(language) {
  const source = readFileSync(join(CONSOLE, `texts/${language}.js`), 'utf8');
  return (await import(`data:text/javascript,${encodeURIComponent(source)}`)).default;
}

function sources() {
  const files = ['', 'ui'].flatMap((folder) => readdirSync(join(CONSOLE, folder)).map((name) => join(CONSOLE, folder, name)));
  return files.filter((file) => file.endsWith('.js')).map((file) => readFileSync(file, 'utf8'));
}

test('both languages have the same texts, with the same gaps to fill in', async () => {
  const [en, vi] = await Promise.all([texts('en'), texts('vi')]);
  assert.deepEqual(Object.keys(vi), Object.keys(en));
  const gaps = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const key of Object.keys(en)) assert.deepEqual(gaps(vi[key]), gaps(en[key]), key);
});

test('every text that is asked for by name is there', async () => {
  const en = await texts('en');
  const asked = sources().flatMap((source) => [...source.matchAll(/\bt\('([^']+)'/g)].map(([, key]) => key));
  assert.ok(asked.length > 50, `only ${asked.length} texts are asked for`);
  for (const key of asked) assert.ok(key in en, key);
});
