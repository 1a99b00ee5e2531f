import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { Suspects } from './suspects.js';

/** What masters keep, one after the other, and the time that passes for them. */
class Machine {
  nowS = 5000;
  kept: unknown = null;

  async master(): Promise<Suspects> {
    const store = {
      save: (_key: string, value: unknown) => {
        this.kept = JSON.parse(JSON.stringify(value));
        return true;
      },
      load: async () => this.kept,
    };
    const suspects = new Suspects(store, () => this.nowS);
    await suspects.begin();
    return suspects;
  }

  /** A master that dies while it hears this site, or while it hears nobody. */
  async death(siteId?: string): Promise<void> {
    const suspects = await this.master();
    suspects.watch('other').begin();
    suspects.watch('other').end();
    if (siteId !== undefined) suspects.watch(siteId).begin();
    this.nowS += 1;
  }

  get file(): string | null {
    return (this.kept as { file: string | null }).file;
  }
}

test('a site at which three masters have died is not started, other sites are', async () => {
  const machine = new Machine();
  await machine.death('a');
  assert.equal(machine.file, null, 'the first master writes nothing');
  for (let count = 0; count < 2; count += 1) await machine.death('a');
  assert.equal((await machine.master()).refusal('a'), undefined);
  for (let count = 0; count < 1; count += 1) await machine.death('a');
  const suspects = await machine.master();
  assert.equal(suspects.refusal('a')?.code, 'ERR_SITE_SUSPECT');
  assert.match(
    suspects.refusal('a')?.message ?? '',
    /^site a is not started: 3 masters died .* or by vhostd reload a$/,
  );
  assert.equal(suspects.refusal('other'), undefined);
});

test('a master that died while it heard nobody is blamed on nobody', async () => {
  const machine = new Machine();
  for (let count = 0; count < 6; count += 1) await machine.death();
  const suspects = await machine.master();
  for (const siteId of ['', 'a', 'other']) assert.equal(suspects.refusal(siteId), undefined);
});

test('it is forgiven by the operator, and after a while', async () => {
  const machine = new Machine();
  for (let count = 0; count < 4; count += 1) await machine.death('a');
  const suspects = await machine.master();
  assert.notEqual(suspects.refusal('a'), undefined);
  machine.nowS += 601;
  assert.equal(suspects.refusal('a'), undefined);
  machine.nowS -= 601;
  suspects.forgive(['b']);
  assert.notEqual(suspects.refusal('a'), undefined);
  suspects.forgive(['a', 'b']);
  assert.equal(suspects.refusal('a'), undefined);
  assert.equal((await machine.master()).refusal('a'), undefined);
});

test('what a dead master has written is cleared away', async () => {
  const machine = new Machine();
  await machine.death('a');
  await machine.death('a');
  const { file } = machine;
  assert.ok(file !== null && existsSync(file));
  await machine.master();
  assert.ok(!existsSync(file));
});

test('without a daemon nobody is suspected', async () => {
  const suspects = new Suspects(undefined);
  await suspects.begin();
  suspects.watch('a').begin();
  assert.equal(suspects.refusal('a'), undefined);
});
