// The page: one or two users side by side, and the log of requests and messages.

import { html, render, useEffect, useState } from './vendor/htm-preact.js';
import { LANGUAGES, language, t } from './i18n.js';
import { Log } from './log.js';
import { Phone } from './phone.js';
import { permitSound } from './ring.js';
import { configuration, seededToken, seededUsers } from './server.js';
import { Developer } from './ui/developer.js';
import { Choice, useStore, useTheme } from './ui/parts.js';
import { Pane } from './ui/pane.js';
import { nameOf } from './ui/sign-in.js';

const query = new URLSearchParams(location.search);
const log = new Log();

/** Sign-ins of this tab: a reloaded page is the same session. */
const kept = {
  read: (pane) => JSON.parse(sessionStorage.getItem(`pane:${pane}`) ?? 'null'),
  write: (pane, credentials) => sessionStorage.setItem(`pane:${pane}`, JSON.stringify(credentials)),
  forget: (pane) => sessionStorage.removeItem(`pane:${pane}`),
};

class Desk {
  phones = { left: null, right: null };
  bots = new Map();

  constructor(settings, redraw) {
    Object.assign(this, { settings, redraw });
  }

  signIn(pane, credentials) {
    this.phones[pane]?.stop();
    const phone = new Phone({ credentials, log, settings: this.settings, pane });
    phone.onRenewed = (renewed) => kept.write(pane, renewed);
    phone.onOnline = () => this.#lookAround(phone);
    this.phones[pane] = phone;
    kept.write(pane, credentials);
    this.bots.get(credentials.userId)?.stop();
    this.bots.delete(credentials.userId);
    phone.start();
    this.redraw();
  }

  signOut(pane) {
    this.phones[pane]?.stop();
    this.phones[pane] = null;
    kept.forget(pane);
    this.redraw();
  }

  /** A user of this page has connected: the others update their presence at once. */
  #lookAround(newcomer) {
    for (const phone of Object.values(this.phones)) {
      if (phone && phone !== newcomer) setTimeout(() => phone.lookAround().catch(() => {}), 150);
    }
  }

  /** Switches automatic answers of a user on or off. */
  async simulate(userId, name) {
    const bot = this.bots.get(userId);
    if (bot) {
      bot.stop();
      this.bots.delete(userId);
    } else {
      const { token, sessionId } = await seededToken(userId);
      const credentials = { token, sessionId, userId, name, renewable: true };
      const made = new Phone({ credentials, log, settings: this.settings, pane: 'bot', simulated: true });
      this.bots.set(userId, made);
      made.onOnline = () => this.#lookAround(made);
      made.start();
    }
    this.redraw();
  }
}

function App({ settings }) {
  useStore(language);
  const [, again] = useState(0);
  const [desk] = useState(() => new Desk(settings, () => again((count) => count + 1)));
  const [layout, setLayout] = useState(() => firstLayout(settings));
  useEffect(() => {
    begin(desk, settings, layout);
  }, []);
  const panes = layout === 'two' ? ['left', 'right'] : ['left'];
  const phones = panes.map((pane) => desk.phones[pane]).filter(Boolean);
  const choose = (one) => {
    if (one === 'one') desk.signOut('right');
    setLayout(one);
  };
  return html`
    <a class="skip" href="#calls">${t('skip-to-calls')}</a>
    <${Top} layout=${layout} onLayout=${choose} />
    <main id="calls" tabindex="-1" class=${`panes is-${layout}`}>
      ${panes.map((pane) => html`<${Pane} key=${pane} ...${{
        name: pane, phone: desk.phones[pane], settings, bots: desk.bots, quiet: layout === 'two',
        taken: phones.map((phone) => phone.userId),
        onSignIn: (credentials) => desk.signIn(pane, credentials),
        onSignOut: () => desk.signOut(pane),
        onSimulate: (userId, name) => desk.simulate(userId, name),
      }} />`)}
    </main>
    <${Developer} log=${log} phones=${phones} />
    <footer>Chattrix Calls ${settings.version} · <a href="docs" target="_blank">${t('interface')}</a></footer>`;
}

function Top({ layout, onLayout }) {
  const [theme, chooseTheme] = useTheme();
  return html`<header class="top">
    <h1><img src="console/icon.svg" alt="" width="28" height="28" />Chattrix Calls <span>${t('console')}</span></h1>
    <div class="top-tools">
      <div class="only-wide"><${Choice} label=${t('layout')} options=${{ one: t('one-person'), two: t('two-people') }} value=${layout} onChoose=${onLayout} /></div>
      <${Choice} label=${t('theme')} options=${{ light: t('light-mode'), dark: t('dark-mode') }} value=${theme} onChoose=${chooseTheme} />
      <label class="language"><span class="unseen">${t('language')}</span><select value=${language.code} onChange=${(event) => language.choose(event.target.value)}>
        ${Object.entries(LANGUAGES).map(([code, name]) => html`<option key=${code} value=${code} lang=${code}>${name}</option>`)}
      </select></label>
    </div>
  </header>`;
}

/** Two users in dev mode on a wide screen; one if the address names one. */
function firstLayout(settings) {
  if (query.has('user') || !settings.isDevelopment || innerWidth < 900) return 'one';
  return query.get('panes') === '1' ? 'one' : 'two';
}

/** Signs in the users of this tab or of the address; in dev mode, at first, the first two. */
async function begin(desk, settings, layout) {
  const wanted = query.get('user');
  const taken = kept.read('left');
  if (taken && (!wanted || taken.userId === wanted)) {
    desk.signIn('left', taken);
  } else if (wanted && settings.isDevelopment) {
    const { token, sessionId } = await seededToken(wanted, query.get('session') ?? undefined, Number(query.get('ttl')) || undefined);
    const ttlSeconds = Number(query.get('ttl')) || undefined;
    desk.signIn('left', { token, sessionId, ttlSeconds, userId: wanted, name: nameOf(settings, wanted), renewable: query.get('renew') !== 'no' });
  }
  const right = kept.read('right');
  if (layout === 'two' && right) desk.signIn('right', right);
}

for (const event of ['pointerdown', 'keydown']) addEventListener(event, permitSound);

const settings = await configuration();
settings.people = settings.isDevelopment ? await seededUsers() : [];
settings.drawn = query.has('drawn');
render(html`<${App} settings=${settings} />`, document.getElementById('app'));
