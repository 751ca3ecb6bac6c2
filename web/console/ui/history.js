// History and statistics.

import { html, useEffect, useState } from '../vendor/htm-preact.js';
import { dayOf, duration, moment, t, timeOf } from '../i18n.js';
import { Avatar, Bar, Choice, Icon } from './parts.js';

export function History({ phone }) {
  const { items, nextCursor } = phone.records.history;
  const [isEditing, setEditing] = useState(false);
  useEffect(() => {
    phone.told(() => phone.records.seen());
  }, [phone, phone.records.missed]);
  if (items.length === 0) return html`<p class="hint">${t('no-history')}</p>`;
  return html`<button type="button" class="quiet small edit" aria-pressed=${isEditing ? 'true' : 'false'} onClick=${() => setEditing(!isEditing)}>${t(isEditing ? 'done' : 'edit')}</button>
    ${byDay(items).map(([day, entries]) => html`<section key=${day} aria-label=${day}>
      <h3 class="day">${day}</h3>
      <ul class="history">
        ${entries.map((item) => html`<${Entry} key=${item.id} ...${{ item, phone, isEditing }} />`)}
      </ul>
    </section>`)}
    ${nextCursor && html`<button type="button" class="quiet wide" onClick=${() => phone.told(() => phone.records.refreshHistory({ more: true }))}>${t('more')}</button>`}`;
}

/** `[[day, items]]`, in the order of the items. */
function byDay(items) {
  const days = new Map();
  for (const item of items) {
    const day = dayOf(item.timestamp);
    days.set(day, [...(days.get(day) ?? []), item]);
  }
  return [...days];
}

/** Deleting is a mode of its own, so that it is not beside calling. */
function Entry({ item, phone, isEditing }) {
  const isIncoming = item.direction === 'INCOMING';
  const isMissed = isIncoming && item.status === 'MISSED';
  const name = item.remoteUserName;
  const isVideo = item.callType === 'VIDEO';
  const call = t(isVideo ? 'call-video' : 'call-voice', { name });
  return html`<li class=${isMissed ? 'entry is-missed' : 'entry'}>
    <${Avatar} name=${name} />
    <div class="person-name">
      <strong>${name}</strong>
      <span><span class="direction" title=${t(item.direction)}><${Icon} name=${isIncoming ? 'in' : 'out'} /><span class="unseen">${t(item.direction)}</span></span>
        ${t(item.status)}${item.durationSeconds ? ` · ${duration(item.durationSeconds)}` : ''} · <time datetime=${item.timestamp}>${timeOf(item.timestamp)}</time></span>
    </div>
    ${isEditing && html`<button type="button" class="danger-quiet round" title=${t('remove')} aria-label=${`${t('remove')}: ${name}, ${moment(item.timestamp)}`} onClick=${() => phone.told(() => phone.records.forget(item.id))}><${Icon} name="trash" /></button>`}
    ${!isEditing && !phone.call && html`<button type="button" class="quiet round" disabled=${phone.connection !== 'online'} title=${call} aria-label=${call} onClick=${() => phone.dial(item.remoteUserId, item.callType)}><${Icon} name=${isVideo ? 'video' : 'phone'} /></button>`}
  </li>`;
}

export function Statistics({ phone }) {
  const [period, setPeriod] = useState('week');
  useEffect(() => {
    phone.told(() => phone.records.refreshStatistics(period));
  }, [phone, period, phone.records.history.items[0]?.id]);
  const { statistics } = phone.records;
  const periods = Object.fromEntries(['day', 'week', 'month', 'year', 'all'].map((one) => [one, t(one)]));
  return html`<${Choice} label=${t('period')} options=${periods} value=${period} onChoose=${setPeriod} />
    ${statistics && html`
      <dl class="numbers large">
        <div><dt>${t('total-calls')}</dt><dd>${statistics.totalCalls}</dd></div>
        <div><dt>${t('total-time')}</dt><dd>${duration(statistics.totalDurationSeconds)}</dd></div>
        <div><dt>${t('average-time')}</dt><dd>${duration(statistics.averageDurationSeconds)}</dd></div>
      </dl>
      <${Bars} counts=${statistics.callsByStatus} />
      <${Bars} counts=${{ video: statistics.callsByType.VIDEO, voice: statistics.callsByType.AUDIO }} />`}`;
}

function Bars({ counts }) {
  const most = Math.max(1, ...Object.values(counts));
  return html`<ul class="bars">${Object.entries(counts).map(([name, count]) => html`<li key=${name}>
    <span>${t(name)}</span>
    <${Bar} share=${count / most} />
    <strong>${count}</strong>
  </li>`)}</ul>`;
}
