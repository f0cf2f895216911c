#!/usr/bin/env node
// Drives the worker pool of a generation orchestrator, for `poolsim replay --target command`.
//
// The pool is `apps/backend/services/orchestratorBridge.js` of the public repository MasterDD-L34D/Game. It is loaded
// from a checkout that the user names, and driven untouched through what it exports; its events tell what happens.
//
//     [target.command]
//     run = ["node", "examples/adapters/orchestrator_bridge.js", "/path/to/checkout"]
//
// Pool size, time-outs, retries, heartbeats and restart delay are those of the model's first pool, unless `settings`
// say otherwise (poolSize, requestTimeoutMs, maxTaskRetries, …). The workers are `worker.py` beside this file: they do
// what each job plans. The protocol is docs/adapter-protocol.md.
'use strict';

const childProcess = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { performance } = require('node:perf_hooks');

const now = () => performance.now();
const out = process.stdout;
// What the pool prints would be taken for events.
console.log = console.info = console.warn = console.error;

function say(message) {
  out.write(`${JSON.stringify(message)}\n`);
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}

const checkout = process.argv[2] || process.env.POOLSIM_BRIDGE;
if (!checkout) {
  fail('usage: orchestrator_bridge.js CHECKOUT (a checkout of MasterDD-L34D/Game)');
}
const bridgePath = path.resolve(checkout, 'apps/backend/services/orchestratorBridge.js');
if (!fs.existsSync(bridgePath)) {
  fail(`${bridgePath} does not exist`);
}

// Workers are told apart by the order of their first spawns; the pool spawns slot 0 first. A later spawn belongs to the
// slot whose process has ended and waits the longest, which the event `worker:crash` names just before.
const restarts = [];
let spawned = 0;
let size = 1;
const processes = new Map();
const spawn = childProcess.spawn;
childProcess.spawn = function watched(...args) {
  const proc = spawn.apply(this, args);
  const slot = spawned < size ? spawned : restarts.shift();
  spawned += 1;
  if (slot === undefined) {
    return proc;
  }
  const t = now();
  say({ type: 'worker_spawned', worker: slot, t_ms: t });
  processes.set(slot, { dying: false });
  const kill = proc.kill;
  proc.kill = function watchedKill(signal) {
    if (signal === 'SIGKILL') {
      processes.get(slot).dying = true;
      say({ type: 'worker_killed', worker: slot, t_ms: now() });
    }
    return kill.call(proc, signal);
  };
  let ready = false;
  // A listener of our own on the output the pool reads too; lines of workers are short and come whole.
  proc.stdout.on('data', (chunk) => {
    if (!ready && chunk.includes('"ready"')) {
      ready = true;
      say({ type: 'worker_ready', worker: slot, t_ms: now() });
      readyWorkers += 1;
      if (readyWorkers === size) {
        say({ type: 'ready', t_ms: now() });
      }
    }
  });
  proc.on('exit', (code, signal) => {
    restarts.push(slot);
    say({ type: 'worker_exited', worker: slot, t_ms: now(), detail: String(code ?? signal) });
  });
  return proc;
};
let readyWorkers = 0;

const { createGenerationOrchestratorBridge } = require(bridgePath);

const outcomes = { REQUEST_TIMEOUT: 'timeout', WORKER_CRASH: 'crash', EPIPE: 'write_error' };
let bridge = null;
let scratch = null;
// The pool's events name no job. It starts jobs in the order of its queue, of which this is a mirror: arrivals at the
// tail, retries at the head.
const queue = [];
const running = new Map();

function start(hello) {
  const pool = hello.pools[0];
  size = Math.max(1, Number(hello.settings.poolSize ?? pool.slots ?? 1));
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'poolsim-'));
  process.env.POOLSIM_SCRATCH = scratch;
  // Its timers hold 31 bits; null stands for none.
  const ms = (value) => Math.min(value ?? 2 ** 31 - 1, 2 ** 31 - 1);
  bridge = createGenerationOrchestratorBridge({
    configPath: path.join(scratch, 'none.json'),
    pythonPath: process.env.PYTHON || 'python3',
    workerScript: path.join(__dirname, 'worker.py'),
    poolSize: size,
    requestTimeoutMs: ms(pool.service_timeout_ms),
    maxTaskRetries: pool.retries ?? Infinity,
    heartbeatIntervalMs: ms(pool.heartbeat_interval_ms),
    heartbeatTimeoutMs: ms(pool.heartbeat_timeout_ms),
    restartDelayMs: Math.max(1, pool.restart_delay_ms),
    workerStartTimeoutMs: pool.start_timeout_ms,
    ...hello.settings,
  });
  bridge.on('task:start', (event) => {
    const id = queue.shift();
    running.set(event.workerId, id);
    const worker = processes.get(event.workerId);
    say({ type: 'started', id, worker: event.workerId, dying: Boolean(worker && worker.dying), t_ms: now() });
  });
  bridge.on('task:retry', (event) => {
    const id = running.get(event.workerId);
    queue.unshift(id);
    const t = now();
    say({ type: 'retried', id, outcome: 'crash', t_ms: t });
    say({ type: 'queued', id, t_ms: t });
  });
  say({
    type: 'hello',
    protocol: 1,
    name: 'orchestratorBridge.js',
    capabilities: { takes_demands: true, takes_fates: true, reports_starts: true, cancels: false, kills: true },
  });
}

function submit(job) {
  const plan = JSON.stringify({ demand_ms: job.demand_ms, fate: job.fate, key: String(job.request) });
  queue.push(job.id);
  say({ type: 'queued', id: job.id, t_ms: now() });
  bridge.generateSpecies({ trait_ids: ['poolsim'], request_id: plan }).then(
    () => say({ type: 'finished', id: job.id, t_ms: now() }),
    (error) => {
      const outcome = outcomes[error.code] || 'error';
      say({ type: 'failed', id: job.id, outcome, detail: String(error.code || error.message), t_ms: now() });
    },
  );
}

let leaving = false;
function leave() {
  if (leaving) {
    return;
  }
  leaving = true;
  // The pool waits for its workers without a limit, and a stopped one never leaves: whoever started us ends the group.
  const done = () => {
    if (scratch) {
      fs.rmSync(scratch, { recursive: true, force: true });
    }
    out.write('', () => process.exit(0));
  };
  setTimeout(done, 1500);
  (bridge ? bridge.close() : Promise.resolve()).then(done, done);
}

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const message = JSON.parse(line);
  if (message.type === 'sync') {
    say({ type: 'sync', n: message.n, t_ms: now() });
  } else if (message.type === 'job') {
    submit(message);
  } else if (message.type === 'hello') {
    start(message);
  } else if (message.type === 'close') {
    leave();
  }
});
lines.on('close', leave);
