// Status page: signs in with an API key and shows the status. style.css, vendor/ and ui/ are those of the console.

import { html, render, useEffect, useState } from './vendor/htm-preact.js';
import { Api, configuration, developmentKey } from './api.js';
import { Dashboard } from './dashboard.js';
import { Choice, useTheme } from './ui/parts.js';

/** The API key of this tab. */
const kept = {
  read: () => sessionStorage.getItem('api-key'),
  write: (key) => sessionStorage.setItem('api-key', key),
  forget: () => sessionStorage.removeItem('api-key'),
};

function App({ settings }) {
  const [key, setKey] = useState(kept.read);
  const [problem, setProblem] = useState(null);
  const signIn = async (entered) => {
    try {
      await new Api(entered).get('status');
      kept.write(entered);
      setProblem(null);
      setKey(entered);
    } catch (error) {
      setProblem(error.message);
    }
  };
  const signOut = (why = null) => {
    kept.forget();
    setKey(null);
    setProblem(why);
  };
  const signInAsDeveloper = () => developmentKey().then(signIn, (error) => setProblem(error.message));
  useEffect(() => {
    if (!key && settings.isDevelopment) signInAsDeveloper();
  }, []);
  return html`
    <a class="skip" href="#status">Skip to the status</a>
    <${Top} onSignOut=${key && (() => signOut())} />
    <main id="status" tabindex="-1">
      ${key
        ? html`<${Dashboard} key=${key} api=${new Api(key)} onRefused=${signOut} />`
        : html`<${SignIn} ...${{ settings, problem, onSignIn: signIn, onDeveloper: signInAsDeveloper }} />`}
    </main>
    <footer>Chattrix Calls ${settings.version} · <a href="docs" target="_blank">API reference</a></footer>`;
}

function Top({ onSignOut }) {
  const [theme, chooseTheme] = useTheme();
  return html`<header class="top">
    <h1><img src="admin/icon.svg" alt="" width="28" height="28" />Chattrix Calls <span>Status</span></h1>
    <div class="top-tools">
      <${Choice} label="Theme" options=${{ light: 'Light', dark: 'Dark' }} value=${theme} onChoose=${chooseTheme} />
      ${onSignOut && html`<button type="button" class="quiet" onClick=${onSignOut}>Sign out</button>`}
    </div>
  </header>`;
}

function SignIn({ settings, problem, onSignIn, onDeveloper }) {
  const use = (event) => {
    event.preventDefault();
    onSignIn(new FormData(event.target).get('key').trim());
  };
  return html`<section class="pane card sign-in" aria-labelledby="sign-in">
    <h2 id="sign-in">Sign in with an API key</h2>
    <form class="key" onSubmit=${use}>
      <label>API key<input name="key" type="password" required autocomplete="off" spellcheck=${false} placeholder="cxk_…" /></label>
      <button class="primary">Sign in</button>
    </form>
    <p class="hint">Create one with <code>chattrix apikey create admin --scope status,calls,sessions</code>. The tab keeps it until you close it or sign out.</p>
    ${settings.isDevelopment && html`<button type="button" class="tinted" onClick=${onDeveloper}>Use a key of the dev mode</button>`}
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
  </section>`;
}

const settings = await configuration();
render(html`<${App} settings=${settings} />`, document.getElementById('app'));
