// Links within the documents lead somewhere.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';
import { anchors, localLinks } from './markdown.js';
import { readDoc, ROOT } from './sources.js';

const DOCUMENTS = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(`${ROOT}docs`).map((name) => `docs/${name}`),
];

for (const document of DOCUMENTS) {
  void test(`each link of ${document} leads to a file, and to a heading of it`, () => {
    for (const link of localLinks(readDoc(document))) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? document : posix.join(posix.dirname(document), path);
      assert.ok(existsSync(ROOT + target), `${link}: there is no ${target}`);
      if (anchor === undefined) continue;
      assert.ok(anchors(readDoc(target)).includes(anchor), `${link}: ${target} has no such heading`);
    }
  });
}
