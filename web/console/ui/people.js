// Other users, with buttons to call them.

import { html } from '../vendor/htm-preact.js';
import { t } from '../i18n.js';
import { askToNotify } from '../ring.js';
import { Avatar, Icon } from './parts.js';

export function People({ phone, bots, onSimulate }) {
  const dial = (userId, type) => {
    askToNotify();
    phone.dial(userId, type);
  };
  const byId = (event) => {
    event.preventDefault();
    const type = event.submitter?.value ?? 'VIDEO';
    dial(new FormData(event.target).get('user').trim(), type);
  };
  const isBusy = phone.connection !== 'online';
  const isCalling = Boolean(phone.call);
  const anybody = phone.records.people.some((one) => one.sessions > 0);
  return html`
    ${!anybody && !phone.call && html`<p class="hint">${t(phone.settings.isDevelopment ? 'nobody-else' : 'nobody-known')}</p>`}
    <ul class="people">
      ${phone.records.people.map((person) => html`<${Person} key=${person.userId} ...${{ person, isBusy, isCalling, dial, bots, onSimulate, settings: phone.settings }} />`)}
    </ul>
    ${!isCalling && html`<form class="by-id" onSubmit=${byId}>
      <label>${t('call-by-id')}<input name="user" required maxlength="64" pattern="[A-Za-z0-9._:@\\-]+" placeholder=${t('user-id')} autocomplete="off" /></label>
      <button value="AUDIO" disabled=${isBusy}><${Icon} name="phone" />${t('voice')}</button>
      <button value="VIDEO" disabled=${isBusy}><${Icon} name="video" />${t('video')}</button>
    </form>`}`;
}

/** During a call the buttons are left out: they would do nothing. */
function Person({ person, isBusy, isCalling, dial, bots, onSimulate, settings }) {
  const { userId, name, sessions } = person;
  const isBot = bots.has(userId);
  const devices = sessions > 1 ? ` · ${t('devices', { count: sessions })}` : '';
  return html`<li class="person" data-user=${userId}>
    <${Avatar} name=${name} />
    <div class="person-name">
      <strong>${name}</strong>
      <span class=${sessions > 0 ? 'presence is-online' : 'presence'}>
        ${isBot ? t('simulated') : t(sessions > 0 ? 'person-online' : 'person-offline')}${devices}
      </span>
    </div>
    ${!isCalling && settings.isDevelopment && (isBot || sessions === 0) && html`
      <button type="button" class="quiet round" aria-pressed=${isBot ? 'true' : 'false'} title=${t(isBot ? 'stop-simulating' : 'simulate', { name })}
        aria-label=${t(isBot ? 'stop-simulating' : 'simulate', { name })} onClick=${() => onSimulate(userId, name)}><${Icon} name="robot" /></button>`}
    ${!isCalling && html`<button type="button" class="quiet round" disabled=${isBusy} title=${t('call-voice', { name })} aria-label=${t('call-voice', { name })}
      onClick=${() => dial(userId, 'AUDIO')}><${Icon} name="phone" /></button>
    <button type="button" class="tinted round" disabled=${isBusy} title=${t('call-video', { name })} aria-label=${t('call-video', { name })}
      onClick=${() => dial(userId, 'VIDEO')}><${Icon} name="video" /></button>`}
  </li>`;
}
