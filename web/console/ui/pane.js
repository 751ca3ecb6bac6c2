// Panel of one user.

import { html, useEffect, useState } from '../vendor/htm-preact.js';
import { t } from '../i18n.js';
import { History, Statistics } from './history.js';
import { Avatar, Icon, useStore } from './parts.js';
import { People } from './people.js';
import { Quality } from './quality.js';
import { SignIn } from './sign-in.js';
import { Stage } from './stage.js';

/** `phone` is signed in, or null. `quiet` starts calls muted: two users at one microphone cause feedback. */
export function Pane({ name, phone, settings, taken, bots, quiet, onSignIn, onSignOut, onSimulate }) {
  useStore(phone);
  return html`<section class="pane" aria-label=${phone?.name ?? name} data-pane=${name} data-user=${phone?.userId}>
    ${phone
      ? html`<${Head} phone=${phone} onSignOut=${onSignOut} />
          <${Notices} phone=${phone} />
          <${Trouble} phone=${phone} />
          <${Stage} ...${{ phone, quiet, bots, onSimulate }} />
          <${Quality} phone=${phone} />
          <${Tabs} ...${{ phone, bots, onSimulate }} />`
      : html`<${SignIn} ...${{ settings, taken, onSignIn }} />`}
  </section>`;
}

function Head({ phone, onSignOut }) {
  const { connection, name, node, userId } = phone;
  const place = connection === 'online' && node ? ` · ${t('on-node', { node })}` : '';
  return html`<header class="pane-head">
    <${Avatar} name=${name} />
    <div class="person-name">
      <h2>${name}</h2>
      <span class=${`connection is-${connection}`} role="status" data-connection=${connection}>${t(connection)}${place}${name === userId ? '' : ` · ${userId}`}</span>
    </div>
    ${!phone.call && phone.settings.isDevelopment && html`<a class="quiet round button" href=${`?user=${encodeURIComponent(userId)}`} target="_blank" rel="noreferrer" title=${t('open-window', { name })} aria-label=${t('open-window', { name })}><${Icon} name="window" /></a>`}
    ${!phone.call && html`<button type="button" class="quiet" onClick=${onSignOut}>${t('sign-out')}</button>`}
  </header>`;
}

function Notices({ phone }) {
  return html`<div class="notices" role="alert">
    ${phone.notices.map((notice) => html`<p key=${notice.at} class="notice">
      <span>${notice.message}${notice.errorType && html` <code>${notice.errorType}</code>`}</span>
      <button type="button" class="quiet round" aria-label=${t('dismiss')} onClick=${() => phone.dismissNotice(notice)}><${Icon} name="close" /></button>
    </p>`)}
  </div>`;
}

/** Shows a session that does not reconnect, and how to continue it. */
function Trouble({ phone }) {
  if (phone.connection === 'replaced') {
    return html`<div class="trouble"><p>${t('replaced')}</p><button type="button" class="tinted" onClick=${() => phone.socket.connect()}>${t('take-over')}</button></div>`;
  }
  if (phone.connection !== 'expired') return null;
  const use = (event) => {
    event.preventDefault();
    const token = new FormData(event.target).get('token').trim();
    if (!phone.pass.replace(token)) phone.say(t('bad-token'));
  };
  return html`<div class="trouble">
    <p role="alert">${t('token-refused')}</p>
    ${phone.pass.isRenewable
      ? html`<button type="button" class="tinted" onClick=${() => phone.told(() => phone.pass.fetch())}>${t('new-token')}</button>`
      : html`<form onSubmit=${use}><label>${t('token')}<input name="token" required autocomplete="off" /></label><button class="tinted">${t('sign-in')}</button></form>`}
  </div>`;
}

function Tabs({ phone, bots, onSimulate }) {
  const [tab, setTab] = useState('people');
  useEffect(() => setTab('people'), [phone]);
  const tabs = ['people', 'history', 'statistics'];
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    setTab(next);
    event.currentTarget.querySelector(`[data-tab=${next}]`).focus();
  };
  const id = (one) => `${phone.pane}-${one}`;
  return html`<div class="tabs" role="tablist" onKeyDown=${move}>
      ${tabs.map((one) => html`<button type="button" key=${one} role="tab" id=${id(one)} data-tab=${one} aria-selected=${one === tab ? 'true' : 'false'}
        aria-controls=${`${id('tab')}-panel`} tabindex=${one === tab ? 0 : -1} onClick=${() => setTab(one)}>
        ${t(one)}${one === 'history' && phone.records.missed > 0 && html` <span class="badge" aria-label=${t('missed-calls', { count: phone.records.missed })}>${phone.records.missed}</span>`}
      </button>`)}
    </div>
    <div class="tab-panel" role="tabpanel" id=${`${id('tab')}-panel`} aria-labelledby=${id(tab)} tabindex="0">
      ${tab === 'people' && html`<${People} ...${{ phone, bots, onSimulate }} />`}
      ${tab === 'history' && html`<${History} phone=${phone} />`}
      ${tab === 'statistics' && html`<${Statistics} phone=${phone} />`}
    </div>`;
}
