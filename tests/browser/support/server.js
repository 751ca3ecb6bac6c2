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
  /** `settings` are keys of ours with their values. */
  constructor(settings = {}) {
    this.settings = { initiate_rate: 'off', request_rate: 'off', ...settings };
    this.folder = mkdtempSync(join(tmpdir(), 'chattrix-browser-'));
    this.port = 0;
  }

  /** Starts it, the second time where it was before. */
  async start() {
    const variables = Object.entries(this.settings).map(([key, value]) => [`CHATTRIX_${key.toUpperCase()}`, value]);
    this.process = spawn(PROGRAM, ['serve', '--dev', '--port', String(this.port)], {
      cwd: this.folder,
      env: { ...process.env, NO_COLOR: '1', ...Object.fromEntries(variables) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = [];
    createInterface({ input: this.process.stderr }).on('line', (line) => said.push(line));
    const link = new Promise((resolve, reject) => {
      createInterface({ input: this.process.stdout }).on('line', (line) => {
        const found = line.trim().match(/^http:\/\/127\.0\.0\.1:(\d+)\/console$/);
        if (found) resolve(Number(found[1]));
      });
      this.process.once('exit', (code) => reject(new Error(`the server left with ${code}: ${said.join('\n')}`)));
      setTimeout(() => reject(new Error(`the server did not start: ${said.join('\n')}`)), PATIENCE).unref();
    });
    this.port = await link;
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

  /** A device of `user` that accepts every call as soon as it comes, and sends no media. */
  listen(user) {
    const url = `http://127.0.0.1:${this.port}`;
    // Its input stays open: it leaves when that ends.
    return spawn(PROGRAM, ['listen', user, '--dev', '--accept', '--url', url], {
      cwd: this.folder, stdio: ['pipe', 'ignore', 'ignore'],
    });
  }

  /** A token out of the command line. */
  token(user, ttl = '1h') {
    return execFileSync(PROGRAM, ['token', user, '--dev', '--ttl', ttl], { cwd: this.folder, encoding: 'utf8' }).trim();
  }
}
