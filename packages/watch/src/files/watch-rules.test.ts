// Which folders are looked into, and which files count.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WatchRules } from './watch-rules.js';
import type { WatchRulesOptions } from './watch-rules.js';

const CWD = '/home/me/.projects/app';

void describe('a folder', () => {
  void test('is watched with all below it, by extension', () => {
    const watched = rules();
    assert.deepEqual(watched.roots, [CWD]);
    assertFiles(watched, ['a.js', 'lib/b.node', 'lib/deep/c.js', '.eslintrc.js', 'x.test.js'], true);
    assertFiles(watched, ['a.json', 'js', 'a.jsx', 'README', '../other/a.js'], false);
    assertFiles(rules({ extensions: ['*'] }), ['README', 'a.json', '.env'], true);
    assertFiles(rules({ extensions: ['test.js', 'env'] }), ['a.test.js', '.env'], true);
    assertFiles(rules({ extensions: ['test.js'] }), ['a.js'], false);
  });

  void test('is watched without node_modules and folders that begin with a dot, wherever they are below it', () => {
    const watched = rules();
    for (const folder of ['node_modules', 'lib/node_modules', '.git', 'lib/.cache']) {
      assert.equal(watched.wantsDirectory(`${CWD}/${folder}`), false, folder);
      assertFiles(watched, [`${folder}/a.js`, `${folder}/b/a.js`], false);
    }
    assert.equal(watched.wantsDirectory(`${CWD}/node_modules_of_mine`), true);
  });

  void test('is watched wherever it is if it is named itself', () => {
    const watched = rules({ watch: ['node_modules/mine', '.config', '../shared', '/etc/app'] });
    assertFiles(watched, ['node_modules/mine/a.js', '.config/a.js', '../shared/b.js', '/etc/app/c.js'], true);
    assertFiles(watched, ['node_modules/mine/node_modules/a.js', 'node_modules/a.js', 'a.js'], false);
  });
});

void describe('a file that is named', () => {
  void test('counts whatever its extension is, and nothing beside it does', () => {
    const watched = rules({ watch: ['.env', 'conf/app.yaml'] });
    assertFiles(watched, ['.env', 'conf/app.yaml'], true);
    assertFiles(watched, ['a.js', 'conf/b.js', '.env.local'], false);
    assert.equal(watched.wantsDirectory(`${CWD}/conf`), false);
  });
});

void describe('a glob', () => {
  void test('says all about the files that count', () => {
    const watched = rules({ watch: ['src/**/*.{html,css}', 'conf/*.json'] });
    assert.deepEqual(watched.roots, [`${CWD}/src`, `${CWD}/conf`]);
    assertFiles(watched, ['src/a.html', 'src/b/c.css', 'conf/a.json'], true);
    assertFiles(watched, ['src/a.js', 'conf/b/a.json', 'a.html', 'src/node_modules/a.css'], false);
  });

  void test('may begin above the working directory, with a dot, or with a slash', () => {
    assertFiles(rules({ watch: ['../shared/*.js'] }), ['../shared/a.js'], true);
    assertFiles(rules({ watch: ['./*.json'] }), ['a.json'], true);
    assertFiles(rules({ watch: ['/etc/app/*.json'] }), ['/etc/app/a.json'], true);
    assertFiles(rules({ watch: ['**/*.json'] }), ['a.json', 'b/c/a.json'], true);
  });

  void test('is a path where a path of that name exists', () => {
    const exists = (file: string): boolean => file === `${CWD}/routes/[id]`;
    assertFiles(rules({ watch: ['routes/[id]'], exists }), ['routes/[id]/a.js'], true);
    assertFiles(rules({ watch: ['routes/[id]'], exists: () => false }), ['routes/[id]/a.js'], false);
  });
});

void describe('what is to be ignored', () => {
  void test('is a folder with all that is in it, or a file', () => {
    const watched = rules({ ignore: ['tmp', './dist/', 'lib/a.js', '/home/me/.projects/app/log'] });
    assert.equal(watched.wantsDirectory(`${CWD}/tmp`), false);
    assertFiles(watched, ['tmp/a.js', 'dist/b/a.js', 'lib/a.js', 'log/a.js'], false);
    assertFiles(watched, ['tmp2/a.js', 'lib/tmp/a.js', 'lib/b.js'], true);
  });

  void test('is what a glob matches, and all that is in it', () => {
    const watched = rules({ ignore: ['public/*', '**/fixtures', '*.test.js'] });
    assertFiles(
      watched,
      ['public/a.js', 'public/b/c.js', 'a/fixtures/b.js', 'a/b.test.js', 'b.test.js'],
      false,
    );
    assertFiles(watched, ['lib/public/a.js', 'a.js', 'test.js'], true);
    assert.equal(watched.wantsDirectory(`${CWD}/lib/fixtures`), false);
  });

  void test('wins over what is named', () => {
    assertFiles(rules({ watch: ['.', 'lib/a.js'], ignore: ['lib'] }), ['lib/a.js', 'lib/b.js'], false);
  });

  void test('are the files that editors put beside the one that they write', () => {
    const names = [
      '.#a.js',
      '#a.js#',
      'a.js~',
      '.a.js.swp',
      '.a.js.swx',
      '4913',
      'a.js___jb_tmp___',
      '.goutputstream-X',
    ];
    assertFiles(rules({ extensions: ['*'] }), names, false);
  });
});

function rules(options: Partial<WatchRulesOptions> = {}): WatchRules {
  return new WatchRules({
    cwd: CWD,
    watch: ['.'],
    extensions: ['node', 'js'],
    exists: () => false,
    ...options,
  });
}

function assertFiles(watched: WatchRules, files: string[], expected: boolean): void {
  for (const file of files) {
    const whole = new URL(file, `file://${CWD}/`).pathname;
    const given = file.startsWith('/') ? file : file.startsWith('..') ? whole : `${CWD}/${file}`;
    assert.equal(watched.wantsFile(given), expected, file);
  }
}
