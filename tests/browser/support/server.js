// A real server of its own, in a folder of its own, on a port that was free.

import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** How long a start or a stop may take on a busy machine, in milliseconds. */
const PATIENCE = 30_000;

/** The program under test. */
const PROGRAM = process.env.BROWSER_TEST_PROGRAM;
if (!PROGRAM) throw new Error('BROWSER_TEST_PROGRAM names no program: run scripts/test-browser');

export class Server {
  /** `settings` are keys of ours with their values; without `isDevelopment` it is not told to be `--dev`. */
  constructor(settings = {}, { isDevelopment = true } = {}) {
    this.settings = { initiate_rate: 'off', request_rate: 'off', ...settings };
    this.world = isDevelopment ? ['--dev'] : [];
    this.folder = mkdtempSync(join(tmpdir(), 'chattrix-browser-'));
    this.port = 0;
  }

  /** Starts it, the second time where it was before. */
  async start() {
    this.process = spawn(PROGRAM, ['serve', ...this.world, '--port', String(this.port)], {
      ...this.#place(), stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = [];
    const port = new Promise((resolve, reject) => {
      const read = (pattern) => (line) => {
        said.push(line);
        const found = line.match(pattern);
        if (found) resolve(Number(found[1]));
      };
      createInterface({ input: this.process.stdout }).on('line', read(/^ +http:\/\/127\.0\.0\.1:(\d+)\/console$/));
      const listens = this.world.length ? /^(?!)/ : /listening on http:\/\/127\.0\.0\.1:(\d+)/;
      createInterface({ input: this.process.stderr }).on('line', read(listens));
      this.process.once('exit', (code) => reject(new Error(`the server left with ${code}: ${said.join('\n')}`)));
      setTimeout(() => reject(new Error(`the server did not start: ${said.join('\n')}`)), PATIENCE).unref();
    });
    this.port = await port;
    return this;
  }

  /** Stops it politely. */
  async stop() {
    if (this.process.exitCode !== null) return;
    const left = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await left;
  }

  /** Stops it and removes what it has left. */
  async end() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The address of the console. */
  console(query = '') {
    return `http://127.0.0.1:${this.port}/console${query}`;
  }

  /** The address of the status page. */
  admin() {
    return `http://127.0.0.1:${this.port}/admin`;
  }

  /** The address of the interface's documents. */
  docs() {
    return `http://127.0.0.1:${this.port}/docs`;
  }

  /** A device of `user` that accepts every call as soon as it comes, and sends no media. */
  listen(user) {
    const url = `http://127.0.0.1:${this.port}`;
    // Its input stays open: it leaves when that ends.
    return spawn(PROGRAM, ['listen', user, ...this.world, '--accept', '--url', url], {
      ...this.#place(), stdio: ['pipe', 'ignore', 'ignore'],
    });
  }

  /** What a command beside the server prints. */
  command(...words) {
    return execFileSync(PROGRAM, [...words, ...this.world], { ...this.#place(), encoding: 'utf8' }).trim();
  }

  /** A token out of the command line. */
  token(user) {
    return this.command('token', user);
  }

  #place() {
    const variables = Object.entries(this.settings).map(([key, value]) => [`CHATTRIX_${key.toUpperCase()}`, value]);
    return { cwd: this.folder, env: { ...process.env, NO_COLOR: '1', ...Object.fromEntries(variables) } };
  }
}
