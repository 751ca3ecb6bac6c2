// The status of the server, read again every few seconds while the page is visible.

import { html, useCallback, useEffect, useState } from './vendor/htm-preact.js';
import { bytes, moment, number, since } from './format.js';
import { Graphs } from './graphs.js';
import { Calls, Sessions, Warnings, Webhooks } from './lists.js';

/** Milliseconds between two updates. */
const PAUSE = 5_000;

const STATES = {
  ready: ['Ready', 'is-good'],
  degraded: ['Degraded', 'is-odd'],
  not_ready: ['Not ready', 'is-bad'],
  stopping: ['Stopping', 'is-odd'],
};

/** `onRefused` gets the message of a key that is no longer valid. */
export function Dashboard({ api, onRefused }) {
  const [found, setFound] = useState({});
  const [query, setQuery] = useState('');
  const [problem, setProblem] = useState(null);
  const update = useCallback(async () => {
    try {
      const [status, calls, sessions] = await Promise.all([
        api.get('status'),
        permitted(api.get('calls?live=true&limit=100')),
        permitted(api.get(`sessions?limit=100&query=${encodeURIComponent(query)}`)),
      ]);
      setFound({ status, calls, sessions, at: new Date() });
      setProblem(null);
    } catch (error) {
      if (error.status === 401) onRefused('The API key is not valid, has expired or was revoked.');
      else setProblem(error.status ? error.message : 'The server does not respond.');
    }
  }, [api.key, query]);
  useEffect(() => {
    const look = () => document.visibilityState === 'visible' && update();
    look();
    const timer = setInterval(look, PAUSE);
    document.addEventListener('visibilitychange', look);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [update]);
  /** Runs an action and reads the status again. */
  const act = async (work) => {
    try {
      await work();
      await update();
    } catch (error) {
      setProblem(error.message);
    }
  };
  const { status, calls, sessions, at } = found;
  return html`
    ${problem && html`<p class="trouble" role="alert">${problem}${at ? ` Last update: ${moment(at)}.` : ''}</p>`}
    ${!status && !problem && html`<p class="hint" role="status">Loading …</p>`}
    ${status && html`<div class="dashboard">
      <${Tiles} status=${status} />
      <${Graphs} minutes=${status.lastHour} />
      <div class="column">
        <${Calls} calls=${calls} onEnd=${(call) => act(() => api.post(`calls/${call.id}/end`))} />
        <${Webhooks} endpoints=${status.webhooks} failures=${status.webhookFailures} />
      </div>
      <div class="column">
        <${Sessions} sessions=${sessions} query=${query} onQuery=${setQuery} onDisconnect=${({ userId, sessionId }) =>
          act(() => api.delete(`users/${encodeURIComponent(userId)}/sessions/${encodeURIComponent(sessionId)}`))} />
        <${Warnings} warnings=${status.warnings} />
      </div>
    </div>`}`;
}

/** A key without the scope leaves a list out: `{refused}` has the reason. */
const permitted = (asked) => asked.catch((error) => {
  if (error.status === 403) return { refused: error.message };
  throw error;
});

function Tiles({ status }) {
  const [word, look] = STATES[status.state] ?? [status.state, 'is-odd'];
  const waiting = status.webhooks.reduce((sum, one) => sum + one.waiting, 0);
  return html`<section class="pane card" aria-labelledby="now">
    <h2 id="now" class="unseen">Now</h2>
    <dl class="tiles">
      <${Tile} name="State" value=${html`<span class=${`state ${look}`}>${word}</span>`} more=${status.node ? `node ${status.node}, version ${status.version}` : `version ${status.version}`} />
      <${Tile} name="Up for" value=${since(status.startedAt)} more=${`since ${moment(status.startedAt)}`} />
      <${Tile} name="Live calls" value=${number(status.liveCalls)} id="live-calls" />
      <${Tile} name="Users online" value=${number(status.connectedUsers)} more=${`sessions: ${number(status.sessions)}${
        status.unresponsiveSessions ? `, ${number(status.unresponsiveSessions)} unresponsive` : ''}`} />
      <${Tile} name="Sockets" value=${number(status.connections)} more=${`of ${number(status.connectionsLimit)}`} />
      <${Tile} name="Webhooks waiting" value=${number(waiting)} more=${`endpoints: ${number(status.webhooks.length)}`} />
      <${Tile} name="Write queue" value=${number(status.queueDepth)} more=${`of ${number(status.queueLimit)}`} />
      <${Tile} name="Database" value=${bytes(status.databaseBytes)} more=${`log ${bytes(status.walBytes)}`} />
    </dl>
  </section>`;
}

const Tile = ({ name, value, more, id }) => html`<div class="tile" data-tile=${id}>
  <dt>${name}</dt><dd><strong>${value}</strong>${more && html`<span>${more}</span>`}</dd>
</div>`;
