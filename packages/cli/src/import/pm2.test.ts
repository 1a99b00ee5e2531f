import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import type { ImportedApp } from './draft.js';
import { pm2Apps } from './pm2.js';
import { pm2Field } from './pm2-fields.js';

/** Each field of schema.json of PM2 7.0, with its other names. */
const SCHEMA =
  `script exec name name_prefix filter_env namespace install_url cwd args exec_interpreter interpreter
  node_args interpreterArgs interpreter_args out_file out output out_log error_file error err err_file err_log log_file log
  disable_logs log_type log_date_format time env max_memory_restart pid_file pid restart_delay exp_backoff_restart_delay
  source_map_support disable_source_map_support wait_ready instances kill_timeout shutdown_with_message listen_timeout
  cron_restart cron merge_logs combine_logs vizion autostart autorestart stop_exit_codes watch_delay watch ignore_watch
  watch_options min_uptime max_restarts execute_command exec_mode force append_env_to_name post_update trace disable_trace
  v8 event_loop_inspector deep_monitoring increment_var instance_var pmx automation treekill port username uid user gid
  windowsHide kill_retry_time write io`.split(/\s+/);

const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-import-'));
after(() => rmSync(directory, { recursive: true }));
const SOURCE = path.join(directory, 'ecosystem.config.js');

function app(fields: object, environment?: string): ImportedApp {
  const [found] = pm2Apps({ apps: [{ script: 'app.js', ...fields }] }, SOURCE, environment) ?? [];
  assert.ok(found !== undefined);
  return found;
}

function left(fields: object): string[] {
  return app(fields).remarks.flatMap((remark) => ('todo' in remark ? [remark.field] : []));
}

void describe('an ecosystem file of PM2', () => {
  void it('is taken field by field', () => {
    const { site, ports } = app({
      name: 'my shop',
      cwd: 'shop',
      args: '--port 4000 "two words"',
      node_args: ['--inspect'],
      source_map_support: true,
      instances: 3,
      env: { A: 1, B: 'b' },
      env_production: { B: 'c' },
      out_file: 'out.log',
      error_file: '/var/log/err.log',
      max_memory_restart: '300M',
      kill_timeout: 1600,
      restart_delay: 500,
      max_restarts: '5',
      cron_restart: '0 3 * * *',
      wait_ready: true,
      shutdown_with_message: true,
      uid: 'www',
      gid: 33,
      instance_var: 'N',
    });
    const cwd = path.join(directory, 'shop');
    assert.deepEqual(site, {
      siteId: 'my-shop',
      path: cwd,
      workerFile: path.join(cwd, 'app.js'),
      cpuLen: 3,
      workerArgs: ['--port', '4000', 'two words'],
      workerOptions: { execArgv: ['--inspect', '--enable-source-maps'], env: { A: '1', B: 'b' } },
      logOutput: path.join(cwd, 'out.log'),
      logError: '/var/log/err.log',
      memoryLimit: '300mb',
      stopTimeout: '1600ms',
      restart: { backoffMin: '500ms', backoffMax: '500ms', intensity: 5 },
      cron: '0 3 * * *',
      waitReady: true,
      stopSignal: 'shutdown',
      user: 'www',
      group: 33,
      instanceVar: 'N',
    });
    assert.deepEqual(ports, [4000]);
  });

  void it('without instances has one worker, with max one a CPU; --env adds variables', () => {
    assert.equal(app({}).site.cpuLen, 1);
    for (const instances of ['max', 0]) assert.ok(!('cpuLen' in app({ instances }).site));
    const { site, ports } = app({ env: { PORT: 3000 }, env_production: { PORT: 80 } }, 'production');
    assert.deepEqual([site.workerOptions, ports], [{ env: { PORT: '80' } }, [80]]);
    assert.deepEqual(app({ port: 3000, instances: 2, increment_var: 'PORT' }).ports, [3000, 3001]);
    assert.deepEqual(app({ autorestart: false }).site['server'], false);
  });

  void it('has no field of which nothing is said', () => {
    assert.ok(SCHEMA.length > 70);
    for (const name of SCHEMA) {
      const isRead = [
        'script',
        'exec',
        'name',
        'cwd',
        'exec_interpreter',
        'interpreter',
        'port',
        'env',
      ].includes(name);
      assert.ok(isRead || pm2Field(name) !== undefined, name);
      assert.ok(
        !app({ [name]: '?' }).remarks.some(
          (remark) => 'todo' in remark && remark.todo.includes('does not document'),
        ),
      );
    }
    assert.deepEqual(left({ made_up: 1 }), ['made_up']);
  });

  void it('has what is left named: what is no value of PM2, another interpreter, an env that was not asked for', () => {
    assert.deepEqual(
      left({
        stop_exit_codes: [0],
        watch: ['src'],
        kill_timeout: 'soon',
        interpreter: 'bun',
        env_x: {},
      }),
      ['interpreter bun', 'env_x', 'stop_exit_codes', 'watch', 'kill_timeout'],
    );
    assert.deepEqual(left({ max_memory_restart: '10M', instances: 'many', max_restarts: -1 }), [
      'max_memory_restart',
      'instances',
      'max_restarts',
    ]);
  });

  void it('has each field in docs/moving.md', () => {
    const document = readFileSync(new URL('../../../../docs/moving.md', import.meta.url), 'utf8');
    const table = document.slice(
      document.indexOf('## Fields of an ecosystem file'),
      document.indexOf('## Directives'),
    );
    for (const name of SCHEMA) assert.ok(table.includes(`\`${name}\``), name);
  });

  void it('may name a program that is not of Node', () => {
    assert.equal(app({ script: 'job.py', interpreter: 'python3' }).site['interpreter'], 'python3');
    for (const interpreter of ['/usr/bin/node', 'node@18']) {
      assert.equal(app({ interpreter }).site['interpreter'], undefined);
      assert.ok(left({ interpreter }).includes(`interpreter ${interpreter}`));
    }
  });

  void it('names a program by the extension of what it runs, as PM2 does', () => {
    const interpreterOf = (script: string): unknown => app({ script }).site['interpreter'];
    assert.deepEqual(['a.sh', 'a.py', 'a.rb', 'a.php', 'a.pl', 'a.js', 'a.mjs', 'a'].map(interpreterOf), [
      'bash',
      'python3',
      'ruby',
      'php',
      'perl',
      undefined,
      undefined,
      undefined,
    ]);
    assert.deepEqual(left({ script: 'a.coffee' }), ['interpreter coffee']);
    assert.deepEqual(app({ script: 'a.ts', interpreter: './node_modules/.bin/tsx' }).site.workerOptions, {
      execArgv: ['--import', 'tsx'],
    });
    assert.deepEqual(left({ interpreter: 'node@18' }), ['interpreter node@18']);
    assert.deepEqual(left({ script: 'serve' }), ['script serve']);
  });

  void it('that runs npm start has npm and its arguments, which vhostd reads at each reload', () => {
    for (const fields of [
      { script: 'npm', args: 'run dev' },
      { script: '/usr/bin/npm', args: ['run', 'dev'] },
      { script: 'npm run dev' },
      { script: '/usr/bin/bash', args: ['-c', 'npm run dev'], interpreter: 'none' },
      { script: undefined, cmd: 'npm run dev' },
      { script: undefined, command: 'npm', args: 'run dev' },
    ]) {
      const { site, remarks } = app(fields);
      assert.deepEqual([site.workerFile, site['workerArgs']], ['npm', ['run', 'dev']]);
      assert.equal(site['interpreter'], undefined);
      assert.ok(remarks.every((remark) => 'taken' in remark));
    }
  });

  void it('may have a command line, which is taken where vhostd can run it without a shell', () => {
    writeFileSync(path.join(directory, 'job.py'), '');
    const { site } = app({
      script: 'NAME=x node -r ./load.js server.js --verbose',
      args: 'ignored by PM2',
      env: { A: '1' },
    });
    assert.deepEqual(
      [site.workerFile, site['workerArgs'], site.workerOptions],
      [
        path.join(directory, 'server.js'),
        ['--verbose'],
        { execArgv: ['-r', './load.js'], env: { NAME: 'x', A: '1' } },
      ],
    );
    const program = app({ script: 'python3 job.py --fast' }).site;
    assert.deepEqual(
      [program['interpreter'], program.workerFile, program['workerArgs']],
      ['python3', path.join(directory, 'job.py'), ['--fast']],
    );
    for (const script of ['node -e "1"', 'cd x && node a.js', 'python3 -m http.server', 'sleep 5']) {
      assert.deepEqual(left({ script }), [`script ${script}`]);
      assert.equal(app({ script }).site.workerFile, undefined);
    }
  });

  void it('says how lines of its logs look', () => {
    const logOf = (fields: object): unknown => app(fields).site['logFormat'];
    assert.deepEqual(
      [
        { log_type: 'json' },
        { time: true },
        { log_type: 'json', log_date_format: 'DD' },
        { time: false },
      ].map(logOf),
      ['json', 'prefix', 'json', undefined],
    );
    assert.equal(app({ log_date_format: 'DD', log_type: 'json' }).site['logFormat'], 'json');
    assert.equal(app({ disable_logs: true }).site['logAll'], '/dev/null');
  });

  void it('may be a list or one app, and anything else is none', () => {
    assert.equal(pm2Apps([{ script: 'a.js' }, { script: 'b.js' }], SOURCE)?.length, 2);
    assert.equal(pm2Apps({ script: 'a.js' }, SOURCE)?.length, 1);
    assert.equal(pm2Apps({ pm2: [{ script: 'a.js' }, { cmd: 'b.js' }] }, SOURCE)?.length, 2);
    for (const other of [undefined, null, 'text', [], {}, { apps: [{}] }, { apps: 'x' }, [1]]) {
      assert.equal(pm2Apps(other, SOURCE), undefined);
    }
  });
});

void it('a dump of PM2 has one entry an instance, its defaults and the variables of the shell', () => {
  const instance = (id: number): object => ({
    name: 'shop',
    pm_exec_path: '/srv/shop/server.js',
    pm_cwd: '/srv/shop',
    exec_interpreter: 'node',
    exec_mode: 'cluster_mode',
    autorestart: true,
    vizion: true,
    kill_retry_time: 100,
    max_memory_restart: 314_572_800,
    node_args: [],
    pm_out_log_path: '/root/.pm2/logs/shop-out-0.log',
    pm_err_log_path: '/var/log/shop.err',
    pm_id: id,
    status: 'online',
    axm_options: {},
    env: { PORT: 3457, PATH: '/bin', PM2_HOME: '/root/.pm2', shop: '{}', unique_id: 'x', KEPT: 'yes' },
  });
  const [app0, ...others] = pm2Apps([instance(0), instance(1)], '/root/.pm2/dump.pm2') ?? [];
  assert.deepEqual(others, []);
  assert.deepEqual(app0?.site, {
    siteId: 'shop',
    path: '/srv/shop',
    workerFile: '/srv/shop/server.js',
    cpuLen: 2,
    memoryLimit: '300mb',
    logError: '/var/log/shop.err',
    workerOptions: { env: { PORT: '3457', KEPT: 'yes' } },
  });
  assert.deepEqual(
    app0?.remarks.flatMap((remark) => ('todo' in remark ? [remark.field] : [])),
    ['env (1 of the shell)'],
  );
});
