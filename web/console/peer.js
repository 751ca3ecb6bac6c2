// WebRTC connection between the two browsers of a call.
//
// Perfect negotiation (W3C, WebRTC 1.0, section 10.7): the callee is the polite peer, which rolls back its own offer on
// a collision. The caller offers; candidates trickle. Every signal has the id of the sender's connection, so that a
// reloaded page gets a new connection.

import { newId } from './server.js';

/** Milliseconds of interruption before an ICE restart. */
const PATIENCE = 3_000;

export class Peer {
  /** `on` has `signal(signal)`, `stream(stream)` and `state(state)`. */
  constructor({ isCaller, servers, stream, on }) {
    Object.assign(this, { isCaller, servers, stream, on });
    this.id = newId();
    this.remoteId = null;
    this.chain = Promise.resolve();
    this.#open();
  }

  /** Starts: the caller sends an offer, the callee reports that it is ready. */
  start() {
    if (this.isCaller) this.#addTracks();
    else this.#signal({ join: true });
  }

  /** Handles a signal of the other side; one at a time. */
  receive(signal) {
    this.chain = this.chain.then(() => this.#handle(signal)).catch((error) => {
      if (!this.isClosed) console.warn('a signal could not be used:', error.message);
    });
    return this.chain;
  }

  /** Restarts ICE after a change of the network. */
  restart() {
    if (!this.isClosed && this.remoteId) this.connection.restartIce();
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.patience);
    this.connection.close();
  }

  #open() {
    const connection = new RTCPeerConnection({ iceServers: this.servers, bundlePolicy: 'max-bundle' });
    this.connection = connection;
    this.isOffering = false;
    this.ignoresOffer = false;
    this.hasTracks = false;
    this.early = [];
    const remote = new MediaStream();
    connection.ontrack = ({ track }) => {
      remote.addTrack(track);
      this.on.stream(remote);
    };
    connection.onicecandidate = ({ candidate }) => candidate && this.#signal({ candidate });
    connection.onnegotiationneeded = () => this.#offer(connection);
    connection.onconnectionstatechange = () => this.#watch(connection);
  }

  async #offer(connection) {
    // The first offer is the caller's: the callee sends none before it.
    if (!this.isCaller && !this.remoteId) return;
    try {
      this.isOffering = true;
      await connection.setLocalDescription();
      this.#signal({ description: connection.localDescription });
    } finally {
      this.isOffering = false;
    }
  }

  #addTracks() {
    if (this.hasTracks) return;
    this.hasTracks = true;
    for (const track of this.stream.getTracks()) this.connection.addTrack(track, this.stream);
  }

  #watch(connection) {
    if (connection !== this.connection || this.isClosed) return;
    const state = connection.connectionState;
    clearTimeout(this.patience);
    if (state === 'failed') this.restart();
    if (state === 'disconnected') this.patience = setTimeout(() => this.restart(), PATIENCE);
    this.on.state(state);
  }

  async #handle({ id, join, description, candidate }) {
    if (this.isClosed) return;
    if (id !== this.remoteId) {
      // The other page was reloaded: discard the previous negotiation.
      if (this.remoteId) {
        this.connection.close();
        this.#open();
        if (this.isCaller) this.#addTracks();
      }
      this.remoteId = id;
    }
    if (join) await this.#joined();
    if (description) await this.#described(description);
    if (candidate) await this.#found(candidate);
  }

  /** The callee's page is ready; an earlier offer may have been lost. */
  async #joined() {
    const { localDescription, signalingState } = this.connection;
    if (this.isCaller && signalingState === 'have-local-offer') this.#signal({ description: localDescription });
  }

  async #described(description) {
    const { connection } = this;
    const meets = this.isOffering || connection.signalingState !== 'stable';
    this.ignoresOffer = this.isCaller && description.type === 'offer' && meets;
    if (this.ignoresOffer) return;
    if (description.type === 'answer' && connection.signalingState !== 'have-local-offer') return;
    await connection.setRemoteDescription(description);
    if (description.type === 'offer') {
      this.#addTracks();
      await connection.setLocalDescription();
      this.#signal({ description: connection.localDescription });
    }
    for (const candidate of this.early.splice(0)) await connection.addIceCandidate(candidate);
  }

  async #found(candidate) {
    const { connection } = this;
    if (!connection.remoteDescription) {
      this.early.push(candidate);
      return;
    }
    try {
      await connection.addIceCandidate(candidate);
    } catch (error) {
      if (!this.ignoresOffer) throw error;
    }
  }

  #signal(signal) {
    if (!this.isClosed) this.on.signal({ id: this.id, ...signal });
  }
}
