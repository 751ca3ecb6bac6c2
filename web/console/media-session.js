// Media of one call: the local stream, the connection to the other side, and its quality.

import { capture, release } from './media.js';
import { Peer } from './peer.js';
import { Sampler } from './quality.js';

/** Milliseconds between two samples, and between two reports of an unchanged level. */
const SAMPLE = 1_000;
const REPORT = 5_000;
/** Samples kept: two minutes. */
const KEPT = 120;

export class MediaSession {
  /** The local stream, and whether it is a drawn picture. */
  local = null;
  isDrawn = false;
  /** The remote stream. */
  remote = null;
  /** The WebRTC state of the connection; null before there is one. */
  state = null;
  samples = [];
  isMuted = false;
  isCameraOff = false;

  #early = [];
  #reported = { at: 0, level: null };

  /** `on` has `signal(signal)`, `changed()`, `flows()` for incoming media, and `report(report)`. */
  constructor({ call, name, drawn, on }) {
    Object.assign(this, { call, name, drawn, on });
  }

  /** Requests camera and microphone while it rings, so that the answer does not wait for them. */
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

  /** Connects to the other side with the ICE servers of `servers()`. */
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
    for (const signal of this.#early.splice(0)) this.peer.receive(signal);
    this.sampling = setInterval(() => this.#sample(), SAMPLE);
  }

  /** Handles a signal of the other side, now or when this side is ready. */
  receive(signal) {
    if (this.peer) this.peer.receive(signal);
    else this.#early.push(signal);
  }

  /** Restarts ICE after a loss of the network or the server. */
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

  /** Reports a new level at once, and an unchanged one periodically. */
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
