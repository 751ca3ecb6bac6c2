// Live calls, sessions, webhooks and warnings.

import { html, useEffect, useState } from './vendor/htm-preact.js';
import { moment, number, since } from './format.js';
import { Icon } from './ui/parts.js';

/** Failed attempts that are shown. */
const FAILURES = 8;

/** Milliseconds in which a second click confirms. */
const CONFIRM = 4_000;

function Card({ id, title, count, children }) {
  return html`<section class="pane card" aria-labelledby=${id} data-card=${id}>
    <h2 id=${id}>${title}${count === undefined ? '' : html` <span class="count">${count}</span>`}</h2>
    ${children}
  </section>`;
}

/** Button that asks before it acts. */
function Confirmed({ label, question, about, onConfirm }) {
  const [isAsked, setAsked] = useState(false);
  useEffect(() => {
    if (!isAsked) return undefined;
    const timer = setTimeout(() => setAsked(false), CONFIRM);
    return () => clearTimeout(timer);
  }, [isAsked]);
  const click = () => {
    setAsked(!isAsked);
    if (isAsked) onConfirm();
  };
  return html`<button type="button" class=${isAsked ? 'small danger' : 'small quiet'} aria-label=${`${isAsked ? question : label}: ${about}`} onClick=${click}>
    ${isAsked ? question : label}</button>`;
}

export function Calls({ calls, onEnd }) {
  if (calls.refused) return html`<${Card} id="calls" title="Live calls"><p class="hint">${calls.refused}</p><//>`;
  const { items, nextCursor } = calls;
  return html`<${Card} id="calls" title="Live calls" count=${nextCursor ? `${items.length}+` : items.length}>
    ${items.length === 0 && html`<p class="hint">No call is live.</p>`}
    <ul class="rows">${items.map((call) => html`<li key=${call.id} data-call=${call.id}>
      <${Icon} name=${call.callType === 'VIDEO' ? 'video' : 'phone'} />
      <p><strong>${call.callerId} → ${call.calleeId}</strong>
        <span>${call.status} for ${since(call.startTime ?? call.createdAt)} · <code>${call.id}</code></span></p>
      <${Confirmed} label="End" question="End now" about=${`${call.callerId} → ${call.calleeId}`} onConfirm=${() => onEnd(call)} />
    </li>`)}</ul>
    ${nextCursor && html`<p class="hint">These are the newest. <code>chattrix call list --live</code> lists all of them.</p>`}
  <//>`;
}

export function Sessions({ sessions, query, onQuery, onDisconnect }) {
  if (sessions.refused) return html`<${Card} id="sessions" title="Sessions"><p class="hint">${sessions.refused}</p><//>`;
  const { items, nextCursor } = sessions;
  return html`<${Card} id="sessions" title="Sessions" count=${nextCursor ? `${items.length}+` : items.length}>
    <label>User ID contains<input type="search" value=${query} autocomplete="off" spellcheck=${false} onInput=${(event) => onQuery(event.target.value)} /></label>
    ${items.length === 0 && html`<p class="hint">${query ? 'No such session.' : 'No user is connected.'}</p>`}
    <ul class="rows">${items.map((session) => html`<li key=${`${session.userId} ${session.sessionId}`} data-session=${session.sessionId}>
      <p><strong>${session.userId}</strong>
        <span>${session.responsive ? '' : html`<em class="state is-odd">unresponsive</em> `}for ${since(session.connectedAt)} · <code>${session.sessionId}</code></span></p>
      <${Confirmed} label="Disconnect" question="Disconnect now" about=${`${session.userId}, ${session.sessionId}`} onConfirm=${() => onDisconnect(session)} />
    </li>`)}</ul>
    ${nextCursor && html`<p class="hint">More sessions are connected. Filter by user ID to find one.</p>`}
  <//>`;
}

const LOOKS = { working: 'is-good', failing: 'is-odd', paused: 'is-bad' };

export function Webhooks({ endpoints, failures }) {
  return html`<${Card} id="webhooks" title="Webhooks">
    ${endpoints.length === 0 && html`<p class="hint">No endpoints: the settings <code>webhook_url</code> and <code>webhooks</code> name them.</p>`}
    <ul class="rows">${endpoints.map((one) => html`<li key=${one.id}>
      <p><strong>${one.origin}</strong>
        <span>endpoint ${one.id} · ${number(one.waiting)} waiting${one.waitingSince ? `, the oldest for ${since(one.waitingSince)}` : ''}</span></p>
      <em class=${`state ${LOOKS[one.state] ?? ''}`}>${one.state}</em>
    </li>`)}</ul>
    ${failures.length > 0 && html`<h3>Last failures</h3>
      <ul class="rows">${failures.slice(0, FAILURES).map((one) => html`<li key=${`${one.messageId} ${one.at}`}>
        <p><strong>${one.type}</strong> ${one.result}
          <span>${moment(one.at)} · endpoint ${one.endpoint}${one.callId ? html` · <code>${one.callId}</code>` : ''}</span></p>
      </li>`)}</ul>`}
  <//>`;
}

export function Warnings({ warnings }) {
  return html`<${Card} id="warnings" title="Warnings and errors" count=${warnings.length}>
    ${warnings.length === 0 && html`<p class="hint">None since the start.</p>`}
    <ul class="rows">${warnings.map((one) => html`<li key=${`${one.at} ${one.text}`}>
      <p><em class=${`state ${one.level === 'ERROR' ? 'is-bad' : 'is-odd'}`}>${one.level}</em> ${one.text}
        <span>${moment(one.at)}${one.count > 1 ? ` · ${number(one.count)} times` : ''}</span></p>
    </li>`)}</ul>
  <//>`;
}
