// One signed-in person: what is known of their calls, and everything they can do. It shows nothing itself.

import { Pass } from './pass.js';
import { Records } from './records.js';
import { Refusal, Rest } from './rest.js';
import { ring, silence } from './ring.js';
import { newId } from './server.js';
import { Socket } from './socket.js';
import { Store } from './store.js';
import { Talk } from './talk.js';
import { t } from './i18n.js';

/** Milliseconds between looks at who is there. */
const PRESENCE = 5_000;
/** How long a warning of the other's network is shown. */
const WARNING = 10_000;
/** How long a simulated person takes to answer. */
const ANSWER = 1_500;

/** Whether a call of that status was answered and goes on. */
export const isAnswered = (status) => ['CONNECTING', 'ACTIVE'].includes(status);

export class Phone extends Store {
  /** `credentials` are a pass's; `settings` what the page knows of the server. */
  constructor({ credentials, log, settings, pane, simulated = false }) {
    super();
    Object.assign(this, { settings, pane, simulated });
    this.pass = new Pass(credentials, (token) => this.#renewed(token));
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
    this.talk = null;
    /** What is heard while a call is being initiated. */
    this.early = null;
    const token = () => this.pass.token;
    this.rest = new Rest(log, userId, token);
    this.records = new Records({
      rest: this.rest, userId, seeded: settings.people, changed: () => this.changed(),
    });
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
    this.pass.watch();
    this.socket.connect();
    this.presence = setInterval(() => this.#attempt(() => this.lookAround()), PRESENCE);
    this.online = () => {
      this.socket.hurry();
      this.talk?.recover();
    };
    window.addEventListener('online', this.online);
    navigator.connection?.addEventListener?.('change', this.online);
  }

  /** Signs out: leaves the page's memory of this person, and whatever still runs. */
  stop() {
    this.#endTalk();
    silence(this.key);
    clearInterval(this.presence);
    this.pass.stop();
    window.removeEventListener('online', this.online);
    navigator.connection?.removeEventListener?.('change', this.online);
    this.socket.leave();
  }

  /** Now, by the server's clock. */
  now() {
    return Date.now() + this.socket.skew;
  }

  // --- what a person does ---

  async dial(userId, callType) {
    if (this.call || this.early) return;
    this.outcome = null;
    this.early = [];
    await this.told(async () => {
      const body = { calleeId: userId, callType, channelId: `console-${newId()}` };
      const data = await this.rest.post('v1/calls/initiate', body, { key: newId() });
      this.#enter(data);
      this.talk.prepare();
    });
    const early = this.early.splice(0);
    this.early = null;
    for (const message of early) this.#heard(message);
  }

  async accept() {
    const { call } = this;
    if (!call || call.isBusy) return;
    call.isAccepting = true;
    this.talk.prepare();
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

  /** Says something about the network that is not so, to see what the other side is shown. */
  pretend(networkQuality) {
    if (this.call) this.socket.send('call.quality', { callId: this.call.id, networkQuality });
  }

  /** Goes on with a new token, on the connection there is or on a new one. */
  #renewed(token) {
    this.onRenewed?.(this.pass.credentials);
    if (this.socket.send('session.refresh', { token })) return;
    if (['expired', 'replaced', 'closed'].includes(this.socket.state)) this.socket.connect();
    else this.socket.hurry();
  }

  /** Who is there; nobody looks at what a simulated person sees. */
  async lookAround() {
    if (this.simulated) return;
    await this.records.refreshPeople();
    // The caller is not told that the callee's device has come and rings.
    const { call } = this;
    if (call?.status !== 'INITIATING') return;
    const { status } = await this.rest.get(`v1/calls/${call.id}`);
    if (status === 'RINGING' && call.status === 'INITIATING') call.status = status;
    this.changed();
  }

  async #lookBack() {
    if (!this.simulated) await this.records.refreshHistory();
  }

  // --- what the server says ---

  #heard(message) {
    // Who is called may answer before the caller has heard of the call: that is for then.
    if (this.early && message.data) {
      this.early.push(message);
      return;
    }
    const { type, data, payload, timestamp } = message;
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
          this.#attempt(() => this.#lookBack());
        }
        break;
      case 'call_timeout':
        if (mine) this.#leave(call, { kind: 'missed', isCaller: call.isCaller });
        else this.#attempt(() => this.#lookBack());
        break;
      case 'call_quality_warning':
        if (mine) this.#warned(data.quality);
        break;
      case 'call_signal':
        if (mine) this.talk.hear(data.signal);
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
    this.#attempt(() => this.lookAround());
    this.call = {
      id: data.callId,
      isCaller: false,
      otherId: data.callerId,
      otherName: data.callerName,
      type: data.callType,
      status: 'RINGING',
      ringsUntil: Date.parse(timestamp) + this.settings.ringTimeoutSeconds * 1000,
    };
    this.#beginTalk();
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
      otherId,
      otherName: this.records.nameOf(otherId),
      type: data.callType,
      status: data.status,
      startedAt: data.startTime && Date.parse(data.startTime),
      ringsUntil: Date.parse(data.createdAt) + this.settings.ringTimeoutSeconds * 1000,
    };
    this.#beginTalk();
    remember(this.key, data.id);
    if (isCaller && !isAnswered(data.status)) ring(this.key, 'outgoing');
    this.changed();
  }

  #answered() {
    const { call } = this;
    silence(this.key);
    remember(this.key, call.id);
    this.changed();
    this.#attempt(() => this.talk.connect(async () => (await this.rest.get('v1/ice-servers')).iceServers));
  }

  /** The call is over, here at least. */
  #leave(call, outcome) {
    if (this.call !== call) return;
    silence(this.key);
    this.#endTalk();
    this.call = null;
    remember(this.key, null);
    this.outcome = { ...outcome, otherName: call.otherName, otherId: call.otherId, type: call.type, at: Date.now() };
    this.changed();
    this.#attempt(() => this.#lookBack());
  }

  /** Whatever was missed: which call is live, who is there, what is in the history. */
  async #synchronise() {
    const live = await this.rest.get('v1/calls/active');
    const { call } = this;
    this.elsewhere = null;
    if (call && live?.id !== call.id) await this.#endedMeanwhile(call);
    if (live && !this.call) this.#found(live);
    else if (live && call && live.id === call.id) this.#caughtUp(call, live);
    await Promise.all([this.lookAround(), this.#lookBack()]);
    this.changed();
  }

  async #endedMeanwhile(call) {
    const { status, durationSeconds } = await this.rest.get(`v1/calls/${call.id}`);
    const kinds = { MISSED: 'missed', REJECTED: 'rejected', ENDED: isAnswered(call.status) ? 'ended' : 'cancelled' };
    // A call that has only just begun is newer than what was asked for.
    if (!(status in kinds)) return;
    this.#leave(call, { kind: kinds[status], isCaller: call.isCaller, seconds: durationSeconds });
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
    this.talk.prepare();
    if (isAnswered(live.status)) this.#answered();
  }

  #caughtUp(call, live) {
    const wasAnswered = isAnswered(call.status);
    call.status = live.status;
    call.startedAt = live.startTime ? Date.parse(live.startTime) : call.startedAt;
    if (!wasAnswered && isAnswered(live.status)) {
      // An acceptance whose outcome was lost with the connection was this page's own.
      if (call.isCaller || call.isAccepting) this.#answered();
      else this.#leave(call, { kind: 'elsewhere' });
    } else if (wasAnswered) {
      this.talk.recover({ unlessConnected: true });
    }
  }

  #connectionChanged() {
    this.connection = this.socket.state;
    this.changed();
  }

  // --- media ---

  #beginTalk() {
    const { call } = this;
    this.talk = new Talk({
      call,
      name: this.name,
      drawn: this.simulated || this.settings.drawn,
      on: {
        signal: (signal) => this.socket.send('call.signal', { callId: call.id, signal }),
        report: (report) => this.socket.send('call.quality', { callId: call.id, ...report }),
        flows: () => this.#attempt(() => this.#tellActive(call)),
        changed: () => this.changed(),
      },
    });
  }

  #endTalk() {
    this.talk?.close();
    this.talk = null;
    this.warning = null;
  }

  /** Media comes in, and this side says so: both do, since neither knows of the other's. */
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

  #talked(call) {
    return call.startedAt ? Math.max(0, Math.floor((this.now() - call.startedAt) / 1000)) : 0;
  }

  /** Whether it was the token for which a connection failed. */
  async #checkToken() {
    try {
      await this.rest.get('v1/calls/active');
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 401) return;
      if (this.pass.isRenewable) {
        await this.pass.fetch();
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

  /** Does `work`; a refusal is shown. */
  async told(work) {
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
