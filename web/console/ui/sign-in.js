// Sign-in: select a user in dev mode, or paste a token.

import { html, useState } from '../vendor/htm-preact.js';
import { t } from '../i18n.js';
import { claimsOf, seededToken } from '../server.js';
import { Avatar } from './parts.js';

/** `taken` are the ids of users already signed in on this page. */
export function SignIn({ settings, taken, onSignIn }) {
  const [problem, setProblem] = useState(null);
  const pick = async ({ id, name }) => {
    try {
      const { token, sessionId } = await seededToken(id);
      onSignIn({ token, sessionId, userId: id, name, renewable: true });
    } catch (error) {
      setProblem(error.message);
    }
  };
  const use = (event) => {
    event.preventDefault();
    const token = new FormData(event.target).get('token').trim();
    try {
      const { sub, name } = claimsOf(token);
      onSignIn({ token, userId: sub, name: name ?? nameOf(settings, sub), renewable: false });
    } catch {
      setProblem(t('bad-token'));
    }
  };
  return html`<div class="sign-in">
    <h2>${t('who-are-you')}</h2>
    ${settings.isDevelopment && html`
      <p class="hint">${settings.people.length ? t('pick-a-person') : t('no-people')}</p>
      <ul class="faces">
        ${settings.people.map((person) => html`<li key=${person.id}>
          <button type="button" class="face" data-user=${person.id} disabled=${taken.includes(person.id)} onClick=${() => pick(person)}>
            <${Avatar} name=${person.name} size="large" />
            <span>${person.name}</span>
          </button>
        </li>`)}
      </ul>`}
    <details class="paste" open=${!settings.isDevelopment}>
      <summary>${t('paste-token')}</summary>
      <form onSubmit=${use}>
        <label>${t('token')}<input name="token" required autocomplete="off" spellcheck=${false} placeholder="eyJ…" /></label>
        <button class="primary">${t('sign-in')}</button>
      </form>
      <p class="hint">${t('token-hint')}</p>
    </details>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
  </div>`;
}

export const nameOf = (settings, id) => settings.people.find((one) => one.id === id)?.name ?? id;
