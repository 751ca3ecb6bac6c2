// Developer panel: log of requests and messages, and a form to send messages.

import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { t } from '../i18n.js';
import { asCurl, asJson } from '../log.js';
import { useStore } from './parts.js';

/** Call id; a log line shows its beginning. */
const CALL_ID = /([0-9a-f]{8})-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}/;

/** Entries rendered at once. */
const DRAWN = 150;

export function Developer({ log, phones }) {
  return html`<details class="developer" id="developer">
    <summary><h2>${t('for-developers')}</h2><span class="hint">${t('log-help')}</span></summary>
    <div class="developer-body">
      <${LogView} log=${log} phones=${phones} />
      <div class="developer-side">
        <${SendBox} phones=${phones} />
        <${Awkward} phones=${phones} />
      </div>
    </div>
  </details>`;
}

function LogView({ log, phones }) {
  useStore(log);
  const [filter, setFilter] = useState('');
  const [who, setWho] = useState('');
  const [hidesRoutine, setHidesRoutine] = useState(true);
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (entry) => {
    if (who && entry.who !== who) return false;
    if (hidesRoutine && entry.isRoutine) return false;
    if (words.length === 0) return true;
    const text = `${entry.via} ${entry.title} ${entry.status ?? ''} ${JSON.stringify(entry.body) ?? ''} ${JSON.stringify(entry.answer) ?? ''}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const shown = log.entries.filter(fits);
  return html`<section class="log" aria-label=${t('for-developers')}>
    <div class="log-tools">
      <label>${t('filter')}<input type="search" value=${filter} placeholder=${t('filter-hint')} onInput=${(event) => setFilter(event.target.value)} /></label>
      <label>${t('who')}<select value=${who} onChange=${(event) => setWho(event.target.value)}>
        <option value="">${t('everybody')}</option>
        ${[...new Set(phones.map((phone) => phone.userId))].map((id) => html`<option key=${id}>${id}</option>`)}
      </select></label>
      <label class="check"><input type="checkbox" checked=${hidesRoutine} onChange=${(event) => setHidesRoutine(event.target.checked)} />${t('hide-routine')}</label>
      <span class="hint" role="status">${t('shown', { count: shown.length })}</span>
      <button type="button" class="quiet" onClick=${() => log.clear()}>${t('clear')}</button>
    </div>
    <${Entries} entries=${shown} />
  </section>`;
}

function Entries({ entries }) {
  const list = useRef();
  const drawn = entries.slice(-DRAWN);
  const last = drawn.at(-1)?.id;
  useEffect(() => {
    const { scrollHeight, scrollTop, clientHeight } = list.current;
    // Does not scroll while the user reads further up.
    if (scrollHeight - scrollTop - clientHeight < 160) list.current.scrollTop = scrollHeight;
  }, [last]);
  return html`<div class="entries" ref=${list} tabindex="0" role="region" aria-label=${t('for-developers')}>
    ${drawn.length === 0 && html`<p class="hint">${t('nothing-logged')}</p>`}
    ${drawn.map((entry) => html`<${EntryView} key=${entry.id} entry=${entry} />`)}
  </div>`;
}

function EntryView({ entry }) {
  const isOut = entry.direction === 'out';
  const failed = entry.status >= 400 || entry.status === 0 || entry.title === 'call_error';
  const [isOpen, setOpen] = useState(false);
  return html`<details class=${failed ? 'log-entry has-failed' : 'log-entry'} onToggle=${(event) => setOpen(event.target.open)}>
    <summary>
      <span class="log-time">${entry.at.toLocaleTimeString('en-GB')}.${String(entry.at.getMilliseconds()).padStart(3, '0')}</span>
      <span class=${isOut ? 'log-arrow is-out' : 'log-arrow'} aria-label=${t(isOut ? 'sent' : 'received')} role="img">${isOut ? '↑' : '↓'}</span>
      <span class="log-who">${entry.who}</span>
      <span class="log-via">${entry.via}</span>
      <span class="log-title" title=${entry.title}>${entry.title.replace(CALL_ID, '$1…')}</span>
      ${entry.status !== undefined && html`<span class="log-status">${entry.status}</span>`}
      ${entry.milliseconds !== undefined && html`<span class="log-time">${Math.round(entry.milliseconds)} ms</span>`}
    </summary>
    ${isOpen && html`<div class="log-body">
      <div class="log-copies">
        ${isOut && html`<${Copy} text=${() => asCurl(entry)} label=${t('copy-curl')} />`}
        <${Copy} text=${() => asJson(entry)} label=${t('copy-json')} />
      </div>
      ${entry.body !== undefined && html`<h4>${t(entry.via === 'WS' ? 'message' : 'request')}</h4><pre tabindex="0">${pretty(entry.body)}</pre>`}
      ${entry.answer !== undefined && html`<h4>${t('answer')}</h4><pre tabindex="0">${pretty(entry.answer)}</pre>`}
    </div>`}
  </details>`;
}

const pretty = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

function Copy({ text, label }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await copyText(text());
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return html`<button type="button" class="quiet small" onClick=${copy}>${isDone ? t('copied') : label}</button>`;
}

/** Pages without TLS have no clipboard API, but can copy a selection. */
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement('textarea'), { value: text });
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/** Id of a call that does not exist. */
const NOWHERE = '00000000-0000-7000-8000-000000000000';

const TEMPLATES = {
  heartbeat: () => ({ type: 'heartbeat', payload: {} }),
  'call.accept': (callId) => ({ type: 'call.accept', payload: { callId } }),
  'call.reject': (callId) => ({ type: 'call.reject', payload: { callId, reason: 'busy' } }),
  'call.end': (callId) => ({ type: 'call.end', payload: { callId, durationSeconds: 12 } }),
  'call.quality': (callId) => ({ type: 'call.quality', payload: { callId, networkQuality: 'POOR', packetLossRate: 0.06, roundTripTime: 420 } }),
  'call.signal': (callId) => ({ type: 'call.signal', payload: { callId, signal: { hello: true } } }),
};

/** Call of a message sent by hand: the current one, or the last of the history. */
const aCall = (phone) => phone?.call?.id ?? phone?.records.history.items[0]?.callId ?? NOWHERE;

function useSpeaker(phones) {
  const [key, setKey] = useState('');
  const phone = phones.find((one) => one.key === key) ?? phones[0];
  useStore(phone);
  const select = html`<label>${t('as-whom')}<select value=${phone?.key ?? ''} disabled=${!phone} onChange=${(event) => setKey(event.target.value)}>
    ${phones.map((one) => html`<option key=${one.key} value=${one.key}>${one.name}</option>`)}
  </select></label>`;
  return [phone, select];
}

function SendBox({ phones }) {
  const [phone, select] = useSpeaker(phones);
  const [text, setText] = useState(JSON.stringify(TEMPLATES.heartbeat(), null, 2));
  const fill = (event) => setText(JSON.stringify(TEMPLATES[event.target.value](aCall(phone)), null, 2));
  const send = (event) => {
    event.preventDefault();
    phone?.socket.sendText(text);
  };
  return html`<form class="send-box" onSubmit=${send}>
    <h3>${t('send-message')}</h3>
    <div class="row">
      ${select}
      <label>${t('template')}<select onChange=${fill}>${Object.keys(TEMPLATES).map((name) => html`<option key=${name}>${name}</option>`)}</select></label>
    </div>
    <label>${t('message-json')}<textarea rows="7" spellcheck=${false} value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>
    <div class="row">
      <button class="primary" disabled=${phone?.connection !== 'online'}>${t('send')}</button>
      ${phone && html`<${Copy} text=${() => phone.pass.token} label=${t('copy-token')} />`}
    </div>
  </form>`;
}

/** Typical mistakes of apps. The log shows the result, and the page shows the error. */
const AWKWARD = {
  'accept-twice': (phone) => twice(() => phone.socket.send('call.accept', { callId: aCall(phone) })),
  'end-after-end': (phone) => twice(() => phone.socket.send('call.end', { callId: aCall(phone) })),
  malformed: (phone) => phone.socket.sendText('{"type": "call.accept", "payload": '),
  'unknown-type': (phone) => phone.socket.send('call.hold', {}),
  'unknown-call': (phone) => phone.socket.send('call.accept', { callId: NOWHERE }),
  'early-signal': (phone) => phone.socket.send('call.signal', { callId: NOWHERE, signal: 'too early' }),
  'call-oneself': (phone) => told(phone, phone.rest.post('v1/calls/initiate', { calleeId: phone.userId, callType: 'VIDEO', channelId: 'mirror' })),
  'empty-body': (phone) => told(phone, phone.rest.post('v1/calls/initiate', '')),
};

function twice(action) {
  action();
  action();
}

/** Shows errors of REST like those of the WebSocket. */
const told = (phone, asked) => asked.catch((error) => phone.say(error.message, error.errorType));

function Awkward({ phones }) {
  const [phone, select] = useSpeaker(phones);
  return html`<section class="awkward">
    <h3>${t('awkward')}</h3>
    <p class="hint">${t('awkward-help')}</p>
    <div class="row">${select}</div>
    <div class="awkward-buttons">
      ${Object.entries(AWKWARD).map(([name, action]) => html`<button type="button" key=${name} class="quiet small" data-awkward=${name}
        disabled=${phone?.connection !== 'online'} onClick=${() => action(phone)}>${t(name)}</button>`)}
    </div>
  </section>`;
}
