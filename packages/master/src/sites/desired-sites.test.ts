import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import { DesiredSites } from './desired-sites.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-desired-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const conf = parseSite({ siteId: 'a', path: '/', cpuLen: 2 }, { baseDir: '/' });

void describe('DesiredSites', () => {
  void it('is known to the next master until it is undone', () => {
    const desired = new DesiredSites(directory);
    assert.equal(desired.applied(conf), conf);
    assert.equal(desired.scale('a', 4), true);
    assert.equal(desired.stop('a', true), true);
    const next = new DesiredSites(directory);
    assert.equal(next.isStopped('a'), true);
    assert.equal(next.applied(conf).cpuLen, 4);
    next.stop('a', false);
    next.scale('a', undefined);
    const last = new DesiredSites(directory);
    assert.equal(last.isStopped('a'), false);
    assert.equal(last.applied(conf).cpuLen, 2);
    assert.deepEqual(readdirSync(directory), ['sites.json']);
    assert.equal(statSync(path.join(directory, 'sites.json')).mode & 0o777, 0o600);
  });

  void it('lasts as long as the process where it can be kept nowhere', () => {
    const desired = new DesiredSites();
    assert.equal(desired.stop('a', true), false);
    assert.equal(desired.isStopped('a'), true);
  });

  void it('what it cannot read is told and put aside, not overwritten', () => {
    const file = path.join(directory, 'sites.json');
    writeFileSync(file, '{"version":2}');
    const desired = new DesiredSites(directory);
    assert.match(desired.trouble ?? '', /sites\.json: /);
    assert.equal(readFileSync(file, 'utf8'), '{"version":2}');
    desired.stop('a', true);
    assert.equal(readFileSync(`${file}.unreadable`, 'utf8'), '{"version":2}');
    assert.equal(new DesiredSites(directory).isStopped('a'), true);
  });
});
