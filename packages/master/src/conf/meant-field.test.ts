import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isPm2Conf, meantField, placeWithin } from './meant-field.js';
import { parseMasterConf } from './parse-conf.js';

void it('a word of PM2 or nginx leads to the field that is meant, any other to none', () => {
  assert.equal(meantField('max_memory_restart'), 'memoryLimit');
  assert.equal(meantField('server_name'), 'listen[].host');
  assert.equal(meantField('colour'), undefined);
  assert.equal(meantField('constructor'), undefined);
});

void it('a field that is further inside is found, the nearest first', () => {
  const inner = { properties: { env: {}, deep: { properties: { far: {} } } } };
  const schema = { properties: { options: inner, list: { items: { properties: { host: {} } } } } };
  assert.equal(placeWithin(schema, 'env'), 'options.env');
  assert.equal(placeWithin(schema, 'host'), 'list[].host');
  assert.equal(placeWithin(schema, 'far'), 'options.deep.far');
  assert.equal(placeWithin(schema, 'toString'), undefined);
});

void it('what PM2 reads is told from what is merely wrong', () => {
  assert.ok(isPm2Conf({ apps: [], deploy: {} }));
  assert.ok(isPm2Conf([{ name: 'a', script: 'a.js' }]));
  assert.ok(isPm2Conf({ script: 'a.js' }));
  assert.ok(!isPm2Conf({ sites: [], apps: [] }));
  assert.ok(!isPm2Conf([]));
  assert.ok(!isPm2Conf(null));
});

void it('a list of apps for PM2 is one error, whatever else is in it', () => {
  const source = { baseDir: '/', file: '/srv/ecosystem.config.json' };
  assert.throws(() => parseMasterConf({ apps: [], deploy: {} }, source), {
    code: 'ERR_CONF_PM2',
    message: '/srv/ecosystem.config.json is a list of apps for PM2, no conf of vhostd',
  });
});
