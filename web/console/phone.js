// One signed-in person: what is known of their calls, and everything they can do. It shows nothing itself.

import { capture, release } from './media.js';
import { Peer } from './peer.js';
import { Sampler } from './quality.js';
import { Refusal, Rest } from './rest.js';
import { ring, silence } from './ring.js';
import { claimsOf, seededToken } from './server.js';
import { Socket } from './socket.js';
import { Store } from './store.js';
import { t } from './i18n.js';

/** Milliseconds between samples of the connection, and between reports to the server. */
const SAMPLE = 1_000;
const REPORT = 5_000;
/** Samples shown: two minutes. */
const SHOWN = 120;
/** Milliseconds between looks at who is there. */
const PRESENCE = 5_000;
/** How long a warning of the other's network is shown. */
const WARNING = 10_000;
/** How long before its end a token is renewed, in milliseconds. */
const RENEW = 60_000;
/** How long a simulated person takes to answer. */
const ANSWER = 1_500;

const isOver = (status) => ['ENDED', 'REJECTED', 'MISSED'].includes(status);
const isAnswered = (status) => ['CONNECTING', 'ACTIVE'].includes(status);

export class Phone extends Store {
  /** `credentials` is `{token, userId, name, renewable}`. */
  constructor({ credentials, log, settings, pane, simulated = false }) {
    super();
    Object.assign(this, { credentials, settings, pane, simulated });
    const { userId } = credentials;
    this.userId = userId;
    this.name = credentials.name ?? userId;
    this.key = `${pane}:${userId}`;
    this.connection = 'connecting';
    this.call = null;
    this.outcome = null;
    this.warning = null;
    this.elsewhere = null;
    this.notices = [];
    this.people = [];
    this.history = { items: [], nextCursor: null };
    this.missed = 0;
    this.statistics = null;
    this.samples = [];
    this.isMuted = false;
    this.isCameraOff = false;
    const token = () => this.credentials.token;
    this.rest = new Rest(log, userId, token);
    this.socket = new Socket(log, userId, token, {
      opened: () => {
        this.onOnline?.();
        this.#attempt(() => this.#synchronise());
      },
      message: (message) => this.#heard(message),
      changed: () => this.#connectionChanged(),
      refused: () => this.#attempt(() => this.#checkToken()),
    });
  }

  start() {
    this.#planRenewal();
    this.socket.connect();
    this.presence = setInterval(() => this.#attempt(() => this.refreshPeople()), PRESENCE);
    this.online = () => {
      this.socket.hurry();
      this.peer?.restart();
    };
    window.addEventListener('online', this.online);
    navigator.connection?.addEventListener?.('change', this.online);
  }

  /** Signs out: leaves the page's memory of this person, and whatever still runs. */
  stop() {
    this.#hangUpMedia();
    silence(this.key);
    clearInterval(this.presence);
    clearTimeout(this.renewal);
    window.removeEventListener('online', this.online);
    navigator.connection?.removeEventListener?.('change', this.online);
    this.socket.leave();
  }

  /** Now, by the server's clock. */
  now() {
    return Date.now() + this.socket.skew;
  }

  nameOf(userId) {
    if (userId === this.userId) return this.name;
    const known = this.people.find((one) => one.userId === userId);
    const past = this.history.items.find((one) => one.remoteUserId === userId);
    return known?.name ?? past?.remoteUserName ?? userId;
  }

  // --- what a person does ---

  async dial(userId, callType) {
    if (this.call) return;
    this.outcome = null;
    await this.#told(async () => {
      const body = { calleeId: userId, callType, channelId: `console-${crypto.randomUUID()}` };
      const data = await this.rest.post('v1/calls/initiate', body, { key: crypto.randomUUID() });
      this.#enter(data);
      this.#prepareMedia();
    });
  }

  async accept() {
    const { call } = this;
    if (!call || call.isBusy) return;
    this.#prepareMedia();
    await this.#act('call.accept', { callId: call.id }, () => this.rest.post(`v1/calls/${call.id}/accept`, {}), () => {
      call.status = 'CONNECTING';
      call.startedAt = this.now();
      this.#answered();
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
      () => this.#leave(call, { kind: 'rejected', byMe: true, reason }),
    );
  }

  /** Cancels what still rings, hangs up what does not. */
  end() {
    const { call } = this;
    if (!call) return undefined;
    const kind = isAnswered(call.status) ? 'ended' : 'cancelled';
    return this.#act(
      'call.end',
      { callId: call.id },
      () => this.rest.post(`v1/calls/${call.id}/end`, {}),
      () => this.#leave(call, { kind, byMe: true, seconds: this.#talked(call) }),
    );
  }

  /** Ends a call that one's own other device is in. */
  endElsewhere() {
    return this.#told(async () => {
      await this.rest.post(`v1/calls/${this.elsewhere.id}/end`, {});
      this.elsewhere = null;
    });
  }

  mute(isMuted) {
    this.isMuted = isMuted;
    for (const track of this.local?.getAudioTracks() ?? []) track.enabled = !isMuted;
    this.changed();
  }

  hideCamera(isCameraOff) {
    this.isCameraOff = isCameraOff;
    for (const track of this.local?.getVideoTracks() ?? []) track.enabled = !isCameraOff;
    this.changed();
  }

  dismiss() {
    this.outcome = null;
    this.changed();
  }

  dismissNotice(notice) {
    this.notices = this.notices.filter((one) => one !== notice);
    this.changed();
  }

  /** Says something about the network that is not so, to see what the other side is shown. */
  pretend(networkQuality) {
    if (this.call) this.socket.send('call.quality', { callId: this.call.id, networkQuality });
  }

  /** A new token for this session, typed in or fetched. */
  async renew(token) {
    this.credentials = { ...this.credentials, token };
    this.#planRenewal();
    if (!this.socket.send('session.refresh', { token })) this.socket.hurry();
    if (['expired', 'replaced', 'closed'].includes(this.socket.state)) this.socket.connect();
  }

  // --- what is to be read ---

  async refreshPeople() {
    if (this.simulated) return;
    const online = await this.rest.get('v1/users/status/online');
    const sessions = new Map(online.map((one) => [one.userId, one.activeSessionCount]));
    const seeded = this.settings.people.map(({ id, name }) => ({ userId: id, name }));
    const known = new Map(seeded.map((one) => [one.userId, one]));
    for (const userId of sessions.keys()) if (!known.has(userId)) known.set(userId, { userId, name: userId });
    known.delete(this.userId);
    this.people = [...known.values()].map((one) => ({ ...one, sessions: sessions.get(one.userId) ?? 0 }));
    this.people.sort((one, other) => (other.sessions > 0) - (one.sessions > 0));
    this.changed();
  }

  async refreshHistory({ more = false } = {}) {
    if (this.simulated) return;
    const cursor = more && this.history.nextCursor ? `&cursor=${encodeURIComponent(this.history.nextCursor)}` : '';
    const page = await this.rest.get(`v1/calls/history?limit=20${cursor}`);
    this.history = { ...page, items: more ? [...this.history.items, ...page.items] : page.items };
    this.missed = (await this.rest.get('v1/calls/history/unseen')).missed;
    this.changed();
  }

  more() {
    return this.#told(() => this.refreshHistory({ more: true }));
  }

  async seen() {
    await this.#told(async () => {
      if (this.missed > 0) await this.rest.post('v1/calls/history/seen', {});
      this.missed = 0;
    });
  }

  forget(id) {
    return this.#told(async () => {
      await this.rest.delete(`v1/calls/history/${id}`);
      await this.refreshHistory();
    });
  }

  async refreshStatistics(period) {
    await this.#told(async () => {
      this.statistics = await this.rest.get(`v1/calls/statistics?period=${period}`);
    });
  }

  // --- what the server says ---

  #heard({ type, data, payload, timestamp }) {
    const { call } = this;
    const mine = call && (data ?? payload)?.callId === call.id;
    switch (type) {
      case 'call_invitation':
        if (!mine) this.#invited(data, timestamp);
        break;
      case 'call_accepted':
        if (mine && call.isCaller) {
          call.status = 'CONNECTING';
          call.startedAt = Date.parse(timestamp);
          this.#answered();
        } else if (mine && data.acceptedBy === this.userId) {
          this.#leave(call, { kind: 'elsewhere' });
        }
        break;
      case 'call_rejected':
        if (mine) {
          const byMe = data.rejectedBy === this.userId;
          this.#leave(call, { kind: 'rejected', byMe, reason: data.reason });
        }
        break;
      case 'call_ended':
        if (this.elsewhere?.id === data.callId) this.elsewhere = null;
        if (mine) {
          const kind = isAnswered(call.status) ? 'ended' : 'cancelled';
          this.#leave(call, { kind, byMe: data.endedBy === this.userId, by: data.endedBy, seconds: data.durationSeconds });
        } else {
          this.#attempt(() => this.refreshHistory());
        }
        break;
      case 'call_timeout':
        if (mine) this.#leave(call, { kind: 'missed', isCaller: call.isCaller });
        else this.#attempt(() => this.refreshHistory());
        break;
      case 'call_quality_warning':
        if (mine) this.#warned(data.quality);
        break;
      case 'call_signal':
        if (mine && call.isHere) this.peer ? this.peer.hear(data.signal) : this.early.push(data.signal);
        break;
      case 'call_error':
        this.say(payload.message, payload.errorType);
        break;
      default:
        break;
    }
    this.changed();
  }

  #invited(data, timestamp) {
    if (this.call) return;
    this.outcome = null;
    this.#attempt(() => this.refreshPeople());
    this.call = {
      id: data.callId,
      isCaller: false,
      isHere: true,
      otherId: data.callerId,
      otherName: data.callerName,
      type: data.callType,
      status: 'RINGING',
      ringsUntil: Date.parse(timestamp) + this.settings.ringTimeoutSeconds * 1000,
    };
    this.early = [];
    if (this.simulated) {
      setTimeout(() => this.accept(), ANSWER);
    } else {
      ring(this.key, 'incoming', t(data.callType === 'VIDEO' ? 'calls-video' : 'calls-voice', { name: data.callerName }));
    }
  }

  /** Takes up a call of which REST has told. */
  #enter(data) {
    const isCaller = data.callerId === this.userId;
    const otherId = isCaller ? data.calleeId : data.callerId;
    this.call = {
      id: data.id,
      isCaller,
      isHere: true,
      otherId,
      otherName: this.nameOf(otherId),
      type: data.callType,
      status: data.status,
      startedAt: data.startTime && Date.parse(data.startTime),
      ringsUntil: Date.parse(data.createdAt) + this.settings.ringTimeoutSeconds * 1000,
    };
    this.early = [];
    remember(this.key, data.id);
    if (isCaller && !isAnswered(data.status)) ring(this.key, 'outgoing');
    this.changed();
  }

  #answered() {
    const { call } = this;
    silence(this.key);
    remember(this.key, call.id);
    this.changed();
    this.#attempt(() => this.#connectMedia());
  }

  /** The call is over, here at least. */
  #leave(call, outcome) {
    if (this.call !== call) return;
    silence(this.key);
    this.#hangUpMedia();
    this.call = null;
    remember(this.key, null);
    this.outcome = { ...outcome, otherName: call.otherName, otherId: call.otherId, type: call.type, at: Date.now() };
    this.changed();
    this.#attempt(() => this.refreshHistory());
  }

  /** Whatever was missed: which call is live, who is there, what is in the history. */
  async #synchronise() {
    const live = await this.rest.get('v1/calls/active');
    const { call } = this;
    this.elsewhere = null;
    if (call && live?.id !== call.id) await this.#endedMeanwhile(call);
    if (live && !this.call) this.#found(live);
    else if (live && call && live.id === call.id) this.#caughtUp(call, live);
    await Promise.all([this.refreshPeople(), this.refreshHistory()]);
    this.changed();
  }

  async #endedMeanwhile(call) {
    const { status, durationSeconds } = await this.rest.get(`v1/calls/${call.id}`);
    const kinds = { MISSED: 'missed', REJECTED: 'rejected', ENDED: isAnswered(call.status) ? 'ended' : 'cancelled' };
    this.#leave(call, { kind: kinds[status] ?? 'ended', isCaller: call.isCaller, seconds: durationSeconds });
  }

  /** A live call that this page does not know: its own from before it was loaded anew, or another device's. */
  #found(live) {
    const isCallee = live.calleeId === this.userId;
    // What rings for the callee comes as an invitation.
    if (isCallee && !isAnswered(live.status)) return;
    if (remembered(this.key) !== live.id) {
      this.elsewhere = live;
      return;
    }
    this.#enter(live);
    this.#prepareMedia();
    if (isAnswered(live.status)) this.#answered();
  }

  #caughtUp(call, live) {
    const wasAnswered = isAnswered(call.status);
    call.status = live.status;
    call.startedAt = live.startTime ? Date.parse(live.startTime) : call.startedAt;
    if (!wasAnswered && isAnswered(live.status)) {
      if (call.isCaller) this.#answered();
      else this.#leave(call, { kind: 'elsewhere' });
    } else if (wasAnswered && this.peer && this.peer.connection.connectionState !== 'connected') {
      this.peer.restart();
    }
  }

  #connectionChanged() {
    this.connection = this.socket.state;
    this.changed();
  }

  // --- media ---

  /** Asks for camera and microphone while it rings, so that the answer need not wait for them. */
  #prepareMedia() {
    const { call } = this;
    const drawn = this.simulated || this.settings.drawn;
    this.capturing ??= capture(call.type, this.name, { drawn }).then((captured) => {
      if (this.call !== call) {
        release(captured.stream);
        return null;
      }
      this.local = captured.stream;
      this.isDrawn = captured.isDrawn;
      this.mute(this.isMuted);
      this.hideCamera(this.isCameraOff);
      return captured.stream;
    });
  }

  async #connectMedia() {
    const { call } = this;
    this.#prepareMedia();
    const [stream, { iceServers }] = await Promise.all([this.capturing, this.rest.get('v1/ice-servers')]);
    if (this.call !== call || !stream) return;
    this.peer = new Peer({
      isCaller: call.isCaller,
      servers: iceServers,
      stream,
      on: {
        signal: (signal) => this.socket.send('call.signal', { callId: call.id, signal }),
        stream: (remote) => {
          this.remote = remote;
          this.changed();
        },
        state: (state) => {
          this.media = state;
          this.changed();
        },
      },
    });
    this.peer.start();
    for (const signal of this.early.splice(0)) this.peer.hear(signal);
    this.#beginSampling(call);
  }

  #beginSampling(call) {
    let sampler = new Sampler();
    let connection = null;
    let reported = { at: 0, level: null };
    this.samples = [];
    this.sampling = setInterval(() => this.#attempt(async () => {
      if (this.call !== call || !this.peer) return;
      if (this.peer.connection !== connection) {
        connection = this.peer.connection;
        sampler = new Sampler();
      }
      const sample = await sampler.sample(connection);
      if (this.call !== call) return;
      this.samples = [...this.samples.slice(1 - SHOWN), { ...sample, at: Date.now() }];
      if (sample.bytes > 0 && connection.connectionState === 'connected') await this.#tellActive(call);
      reported = this.#report(call, sample, reported);
      this.changed();
    }), SAMPLE);
  }

  /** Media comes in, and says so: both do, since neither knows of the other's. */
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

  #report(call, sample, reported) {
    const now = Date.now();
    const isNew = sample.level && sample.level !== reported.level;
    if (!sample.level || call.status !== 'ACTIVE') return reported;
    if (!isNew && now - reported.at < REPORT) return reported;
    const report = { callId: call.id, networkQuality: sample.level };
    if (sample.loss !== null) report.packetLossRate = sample.loss;
    if (sample.roundTrip !== null) report.roundTripTime = sample.roundTrip;
    this.socket.send('call.quality', report);
    return { at: now, level: sample.level };
  }

  #warned(quality) {
    const warning = { quality };
    this.warning = warning;
    setTimeout(() => {
      if (this.warning === warning) {
        this.warning = null;
        this.changed();
      }
    }, WARNING);
  }

  #hangUpMedia() {
    clearInterval(this.sampling);
    this.peer?.close();
    release(this.local);
    Object.assign(this, { peer: null, local: null, remote: null, media: null, capturing: null, warning: null });
    Object.assign(this, { isMuted: false, isCameraOff: false });
  }

  #talked(call) {
    return call.startedAt ? Math.max(0, Math.floor((this.now() - call.startedAt) / 1000)) : 0;
  }

  // --- tokens ---

  #planRenewal() {
    clearTimeout(this.renewal);
    const { exp } = claimsOf(this.credentials.token);
    if (!this.credentials.renewable || !exp) return;
    const left = exp * 1000 - Date.now();
    this.renewal = setTimeout(() => this.#attempt(() => this.#fetchToken()), Math.max(left - Math.min(RENEW, left / 2), 500));
  }

  async #fetchToken() {
    const { sessionId, ttlSeconds } = this.credentials;
    const { token } = await seededToken(this.userId, sessionId, ttlSeconds);
    await this.renew(token);
    this.onRenewed?.(this.credentials);
  }

  /** Whether it was the token for which a connection failed. */
  async #checkToken() {
    try {
      await this.rest.get('v1/calls/active');
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 401) return;
      if (this.credentials.renewable) {
        await this.#fetchToken();
      } else {
        this.socket.leave();
        this.socket.state = 'expired';
        this.#connectionChanged();
      }
    }
  }

  // --- doing and telling ---

  /** Does it on the socket, or over REST where there is none; then `done`. */
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

  async #told(work) {
    try {
      await work();
    } catch (error) {
      this.say(error.message, error.errorType);
    }
    this.changed();
  }

  /** For what happens in the background: it is in the log, and will be tried again. */
  async #attempt(work) {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof TypeError)) console.warn(error);
    }
  }

  /** Shows a refusal for a while. */
  say(message, errorType) {
    const notice = { message, errorType, at: Date.now() };
    this.notices = [...this.notices.slice(-2), notice];
    setTimeout(() => this.dismissNotice(notice), 8000);
    this.changed();
  }
}

/** The call that this window is in outlives a reload of the page. */
function remember(key, callId) {
  if (callId) sessionStorage.setItem(`call:${key}`, callId);
  else sessionStorage.removeItem(`call:${key}`);
}

const remembered = (key) => sessionStorage.getItem(`call:${key}`);

export { isAnswered, isOver };
