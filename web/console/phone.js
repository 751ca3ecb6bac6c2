// Model of one signed-in user: state of the calls, and the actions. It renders nothing.

import { checkToken, remember, synchronise } from './resync.js';
import { handleEvent } from './events.js';
import { TokenHolder } from './token.js';
import { Records } from './records.js';
import { Refusal, Rest } from './rest.js';
import { ring, silence } from './ring.js';
import { newId, nodeOf } from './server.js';
import { Socket } from './socket.js';
import { Store } from './store.js';
import { MediaSession } from './media-session.js';

/** Milliseconds between two presence requests. */
const PRESENCE = 5_000;

/** Whether a call of that status is answered and live. */
export const isAnswered = (status) => ['CONNECTING', 'ACTIVE'].includes(status);

// events.js handles events of the server, resync.js synchronises after a reconnect.
export class Phone extends Store {
  /** `credentials` are those of a TokenHolder; `settings` are the server's. */
  constructor({ credentials, log, settings, pane, simulated = false }) {
    super();
    Object.assign(this, { settings, pane, simulated });
    this.pass = new TokenHolder(credentials, (token) => this.#renewed(token));
    const { userId } = credentials;
    this.userId = userId;
    this.name = credentials.name ?? userId;
    this.key = `${pane}:${userId}`;
    this.connection = 'connecting';
    /** Name of the node of the connection, if there are several. */
    this.node = null;
    this.call = null;
    this.outcome = null;
    this.warning = null;
    this.elsewhere = null;
    this.notices = [];
    this.media = null;
    /** Events that arrive while a call is being initiated. */
    this.early = null;
    const token = () => this.pass.token;
    this.rest = new Rest(log, userId, token);
    this.records = new Records({
      rest: this.rest, userId, seeded: settings.people, changed: () => this.changed(),
    });
    this.socket = new Socket(log, userId, token, {
      opened: () => {
        this.onOnline?.();
        this.attempt(() => this.#synchronise());
        if (settings.hasNodes) this.attempt(() => this.#findNode());
      },
      message: (message) => handleEvent(this, message),
      changed: () => this.connectionChanged(),
      refused: () => this.attempt(() => checkToken(this)),
    });
  }

  start() {
    this.pass.watch();
    this.socket.connect();
    this.presence = setInterval(() => this.attempt(() => this.lookAround()), PRESENCE);
    this.online = () => {
      this.networkChanged = true;
      this.socket.renew();
    };
    this.offline = () => this.socket.lose();
    this.doubtful = () => {
      if (document.visibilityState === 'visible') this.socket.check();
    };
    this.#watch('addEventListener');
  }

  /** Adds or removes the listeners to changes of the network. */
  #watch(method) {
    window[method]('online', this.online);
    window[method]('offline', this.offline);
    document[method]('visibilitychange', this.doubtful);
    navigator.connection?.[method]?.('change', this.doubtful);
  }

  async #findNode() {
    const { name } = await nodeOf(this.pass.token);
    this.node = name;
    this.changed();
  }

  async #synchronise() {
    await synchronise(this);
    // Media of the network before may not report yet that it is dead. Its signals need the new connection.
    if (this.networkChanged) this.media?.recover();
    this.networkChanged = false;
  }

  /** Signs out: forgets this user and stops all activity. */
  stop() {
    this.#endTalk();
    silence(this.key);
    clearInterval(this.presence);
    this.pass.stop();
    this.#watch('removeEventListener');
    this.socket.leave();
  }

  /** The current time by the server's clock. */
  now() {
    return Date.now() + this.socket.skew;
  }

  // --- actions ---

  async dial(userId, callType) {
    if (this.call || this.early) return;
    this.outcome = null;
    this.early = [];
    await this.told(async () => {
      const body = { calleeId: userId, callType, channelId: `console-${newId()}` };
      const data = await this.rest.post('v1/calls/initiate', body, { key: newId() });
      this.enter(data);
      this.media.prepare();
    });
    const early = this.early.splice(0);
    this.early = null;
    for (const message of early) handleEvent(this, message);
  }

  async accept() {
    const { call } = this;
    if (!call || call.isBusy) return;
    call.isAccepting = true;
    this.media.prepare();
    await this.#act('call.accept', { callId: call.id }, () => this.rest.post(`v1/calls/${call.id}/accept`, {}), () => {
      call.status = 'CONNECTING';
      call.startedAt = this.now();
      this.answered();
    });
  }

  reject(reason) {
    const { call } = this;
    if (!call) return undefined;
    const body = { reason };
    return this.#act(
      'call.reject',
      { callId: call.id, reason },
      () => this.rest.post(`v1/calls/${call.id}/reject`, body),
      () => this.leave(call, { kind: 'rejected', byMe: true, reason }),
    );
  }

  /** Ends the call, ringing or answered. */
  end() {
    const { call } = this;
    if (!call) return undefined;
    const kind = isAnswered(call.status) ? 'ended' : 'cancelled';
    return this.#act(
      'call.end',
      { callId: call.id },
      () => this.rest.post(`v1/calls/${call.id}/end`, {}),
      () => this.leave(call, { kind, byMe: true, seconds: this.talked(call) }),
    );
  }

  /** Ends a call on another device of this user. */
  endElsewhere() {
    return this.told(async () => {
      await this.rest.post(`v1/calls/${this.elsewhere.id}/end`, {});
      this.elsewhere = null;
    });
  }

  dismiss() {
    this.outcome = null;
    this.changed();
  }

  dismissNotice(notice) {
    this.notices = this.notices.filter((one) => one !== notice);
    this.changed();
  }

  /** Reports a false network quality, to show what the other side receives. */
  pretend(networkQuality) {
    if (this.call) this.socket.send('call.quality', { callId: this.call.id, networkQuality });
  }

  /** Uses a new token, on the open connection or on a new one. */
  #renewed(token) {
    this.onRenewed?.(this.pass.credentials);
    if (this.socket.send('session.refresh', { token })) return;
    if (['expired', 'replaced', 'closed'].includes(this.socket.state)) this.socket.connect();
    else this.socket.hurry();
  }

  /** Reads who is online, except for a simulated user. */
  async lookAround() {
    if (this.simulated) return;
    await this.records.refreshPeople();
    // The caller gets no event when the callee's device connects and rings.
    const { call } = this;
    if (call?.status !== 'INITIATING') return;
    const { status } = await this.rest.get(`v1/calls/${call.id}`);
    if (status === 'RINGING' && call.status === 'INITIATING') call.status = status;
    this.changed();
  }

  async lookBack() {
    if (!this.simulated) await this.records.refreshHistory();
  }

  // --- start and end of a call ---

  /** Adopts a call from a REST response. */
  enter(data) {
    const isCaller = data.callerId === this.userId;
    const otherId = isCaller ? data.calleeId : data.callerId;
    this.call = {
      id: data.id,
      isCaller,
      otherId,
      otherName: this.records.nameOf(otherId),
      type: data.callType,
      status: data.status,
      startedAt: data.startTime && Date.parse(data.startTime),
      ringsUntil: Date.parse(data.createdAt) + this.settings.ringTimeoutSeconds * 1000,
    };
    this.beginTalk();
    remember(this.key, data.id);
    if (isCaller && !isAnswered(data.status)) ring(this.key, 'outgoing');
    // If it rings, the callee has connected since the last presence request.
    if (data.status === 'RINGING') this.attempt(() => this.lookAround());
    this.changed();
  }

  answered() {
    const { call } = this;
    silence(this.key);
    remember(this.key, call.id);
    this.changed();
    this.attempt(() => this.media.connect(async () => (await this.rest.get('v1/ice-servers')).iceServers));
  }

  /** Ends the call in this window. */
  leave(call, outcome) {
    if (this.call !== call) return;
    silence(this.key);
    this.#endTalk();
    this.call = null;
    remember(this.key, null);
    this.outcome = { ...outcome, otherName: call.otherName, otherId: call.otherId, type: call.type, at: Date.now() };
    this.changed();
    this.attempt(() => this.lookBack());
  }

  connectionChanged() {
    this.connection = this.socket.state;
    if (this.connection !== 'online') this.node = null;
    this.changed();
  }

  // --- media ---

  beginTalk() {
    const { call } = this;
    this.media = new MediaSession({
      call,
      name: this.name,
      drawn: this.simulated || this.settings.drawn,
      on: {
        signal: (signal) => this.socket.send('call.signal', { callId: call.id, signal }),
        report: (report) => this.socket.send('call.quality', { callId: call.id, ...report }),
        flows: () => this.attempt(() => this.#tellActive(call)),
        changed: () => this.changed(),
      },
    });
  }

  #endTalk() {
    this.media?.close();
    this.media = null;
    this.warning = null;
  }

  /** Media arrives, and this side reports ACTIVE. Both sides do, because neither knows about the other's media. */
  async #tellActive(call) {
    if (call.toldActive) return;
    call.toldActive = true;
    try {
      await this.rest.patch(`v1/calls/${call.id}/status`, { status: 'ACTIVE' });
      call.status = 'ACTIVE';
    } catch (error) {
      call.toldActive = false;
      throw error;
    }
    this.changed();
  }

  talked(call) {
    return call.startedAt ? Math.max(0, Math.floor((this.now() - call.startedAt) / 1000)) : 0;
  }

  // --- requests and notices ---

  /** Sends the action over the WebSocket, or over REST without one; then calls `done`. */
  async #act(type, payload, overRest, done) {
    const { call } = this;
    if (call.isBusy) return;
    call.isBusy = true;
    this.changed();
    try {
      if (this.socket.isOpen) await this.socket.request(type, payload);
      else await overRest();
      if (this.call === call) done();
    } catch (error) {
      this.say(error.message, error.errorType);
    } finally {
      call.isBusy = false;
      this.changed();
    }
  }

  /** Runs `work` and shows an error of the server. */
  async told(work) {
    try {
      await work();
    } catch (error) {
      this.say(error.message, error.errorType);
    }
    this.changed();
  }

  /** Runs background work: errors go to the log, and it is retried later. */
  async attempt(work) {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof TypeError)) console.warn(error);
    }
  }

  /** Shows an error for some seconds. */
  say(message, errorType) {
    const notice = { message, errorType, at: Date.now() };
    this.notices = [...this.notices.slice(-2), notice];
    setTimeout(() => this.dismissNotice(notice), 8000);
    this.changed();
  }
}
