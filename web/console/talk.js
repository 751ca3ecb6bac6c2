// The media of one call: what this side sends, the connection to the other one, and how well it goes.

import { capture, release } from './media.js';
import { Peer } from './peer.js';
import { Sampler } from './quality.js';

/** Milliseconds between samples of the connection, and between reports to the server while the level stays. */
const SAMPLE = 1_000;
const REPORT = 5_000;
/** Samples kept: two minutes. */
const KEPT = 120;

export class Talk {
  /** The stream that this side sends, and whether it had to be drawn. */
  local = null;
  isDrawn = false;
  /** The stream of the other side. */
  remote = null;
  /** How the connection is, in WebRTC's words; null before there is one. */
  state = null;
  samples = [];
  isMuted = false;
  isCameraOff = false;

  #early = [];
  #reported = { at: 0, level: null };

  /** `on` has `signal(signal)`, `changed()`, `flows()`, called while media comes in, and `report(report)`. */
  constructor({ call, name, drawn, on }) {
    Object.assign(this, { call, name, drawn, on });
  }

  /** Asks for camera and microphone; while it rings, so that the answer need not wait for them. */
  prepare() {
    this.capturing ??= capture(this.call.type, this.name, { drawn: this.drawn }).then(({ stream, isDrawn }) => {
      if (this.isClosed) {
        release(stream);
        return null;
      }
      this.local = stream;
      this.isDrawn = isDrawn;
      this.mute(this.isMuted);
      this.hideCamera(this.isCameraOff);
      return stream;
    });
    return this.capturing;
  }

  /** Connects to the other side, through what `servers()` comes to. */
  async connect(servers) {
    const [stream, iceServers] = await Promise.all([this.prepare(), servers()]);
    if (this.isClosed || !stream || this.peer) return;
    this.peer = new Peer({
      isCaller: this.call.isCaller,
      servers: iceServers,
      stream,
      on: {
        signal: this.on.signal,
        stream: (remote) => {
          this.remote = remote;
          this.on.changed();
        },
        state: (state) => {
          this.state = state;
          this.on.changed();
        },
      },
    });
    this.peer.start();
    for (const signal of this.#early.splice(0)) this.peer.hear(signal);
    this.sampling = setInterval(() => this.#sample(), SAMPLE);
  }

  /** Takes what the other side sent, now or once this side is ready. */
  hear(signal) {
    if (this.peer) this.peer.hear(signal);
    else this.#early.push(signal);
  }

  /** Looks for another way, after the network or the server was away. */
  recover({ unlessConnected = false } = {}) {
    if (unlessConnected && this.state === 'connected') return;
    this.peer?.restart();
  }

  mute(isMuted) {
    this.isMuted = isMuted;
    for (const track of this.local?.getAudioTracks() ?? []) track.enabled = !isMuted;
    this.on.changed();
  }

  hideCamera(isCameraOff) {
    this.isCameraOff = isCameraOff;
    for (const track of this.local?.getVideoTracks() ?? []) track.enabled = !isCameraOff;
    this.on.changed();
  }

  close() {
    this.isClosed = true;
    clearInterval(this.sampling);
    this.peer?.close();
    release(this.local);
  }

  async #sample() {
    const { connection } = this.peer;
    if (connection !== this.sampler?.connection) this.sampler = new Sampler(connection);
    const sample = await this.sampler.sample();
    if (this.isClosed) return;
    this.samples = [...this.samples.slice(1 - KEPT), { ...sample, at: Date.now() }];
    if (sample.bytes > 0 && this.state === 'connected') this.on.flows();
    this.#report(sample);
    this.on.changed();
  }

  /** Reports a new level at once, and one that stays now and then. */
  #report({ level, loss, roundTrip }) {
    const now = Date.now();
    const isDue = level !== this.#reported.level || now - this.#reported.at >= REPORT;
    if (!level || !isDue || this.call.status !== 'ACTIVE') return;
    const report = { networkQuality: level };
    if (loss !== null) report.packetLossRate = loss;
    if (roundTrip !== null) report.roundTripTime = roundTrip;
    this.on.report(report);
    this.#reported = { at: now, level };
  }
}
