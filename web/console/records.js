// Presence, history and statistics of one user.

/** Entries per page of the history. */
const PAGE = 20;

export class Records {
  /** Other users, online first: `[{userId, name, sessions}]`. */
  people = [];
  /** `isRead` is false until the server has returned it once. */
  history = { items: [], nextCursor: null, isRead: false };
  /** Number of unseen missed calls. */
  missed = 0;
  statistics = null;

  /** `seeded` are users with known names, `[{id, name}]`; calls `changed()` after each change. */
  constructor({ rest, userId, seeded, changed }) {
    Object.assign(this, { rest, userId, seeded, changed });
  }

  /** Returns the name of a user, or the id if the name is unknown. */
  nameOf(userId) {
    const known = this.people.find((one) => one.userId === userId);
    const past = this.history.items.find((one) => one.remoteUserId === userId);
    return known?.name ?? past?.remoteUserName ?? userId;
  }

  async refreshPeople() {
    const online = await this.rest.get('v1/users/status/online');
    const sessions = new Map(online.map((one) => [one.userId, one.activeSessionCount]));
    const names = new Map(this.seeded.map(({ id, name }) => [id, name]));
    const others = new Set([...names.keys(), ...sessions.keys()]);
    others.delete(this.userId);
    const person = (userId) => ({ userId, name: names.get(userId) ?? userId, sessions: sessions.get(userId) ?? 0 });
    this.people = [...others].map(person);
    this.people.sort((one, other) => (other.sessions > 0) - (one.sessions > 0));
    this.changed();
  }

  /** Loads the newest calls, or with `more` the next page. */
  async refreshHistory({ more = false } = {}) {
    const { items, nextCursor } = this.history;
    const cursor = more && nextCursor ? `&cursor=${encodeURIComponent(nextCursor)}` : '';
    const page = await this.rest.get(`v1/calls/history?limit=${PAGE}${cursor}`);
    this.history = { ...page, items: more ? [...items, ...page.items] : page.items, isRead: true };
    this.missed = (await this.rest.get('v1/calls/history/unseen')).missed;
    this.changed();
  }

  /** Marks missed calls as seen. */
  async seen() {
    if (this.missed > 0) await this.rest.post('v1/calls/history/seen', {});
    this.missed = 0;
  }

  /** Deletes a call from the history. */
  async forget(id) {
    await this.rest.delete(`v1/calls/history/${id}`);
    await this.refreshHistory();
  }

  /** Loads the statistics of a `period`: day, week, month, year or all. */
  async refreshStatistics(period) {
    this.statistics = await this.rest.get(`v1/calls/statistics?period=${period}`);
  }
}
