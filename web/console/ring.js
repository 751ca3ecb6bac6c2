// Ringing: a ring tone for the callee, a tone for the caller, a flashing title, a notification.
//
// The sounds are synthesised. Browsers allow sound only after a click on the page.

const SAMPLES = {
  /** Callee: two soft chords, then silence. */
  incoming: { every: 2600, notes: [[0, 659], [0, 523], [0.22, 784], [0.22, 659], [0.44, 988], [0.44, 784]], long: 0.32 },
  /** Caller: one low tone, then silence. */
  outgoing: { every: 4000, notes: [[0, 425]], long: 1.0 },
};

let context;

/** Enables sound; call it on a click. */
export function permitSound() {
  context ??= new AudioContext();
  if (context.state === 'suspended') context.resume().catch(() => {});
}

function play({ notes, long }) {
  if (context?.state !== 'running') return;
  for (const [after, frequency] of notes) {
    const begin = context.currentTime + after;
    const tone = new OscillatorNode(context, { frequency });
    const level = new GainNode(context, { gain: 0 });
    level.gain.setTargetAtTime(0.06, begin, 0.015);
    level.gain.setTargetAtTime(0, begin + long * 0.6, 0.08);
    tone.connect(level).connect(context.destination);
    tone.start(begin);
    tone.stop(begin + long + 0.6);
  }
}

const ringing = new Map();
let flash;
const title = document.title;

/** Rings for `who`, showing `text`, until `silence(who)`. `kind` is incoming or outgoing. */
export function ring(who, kind, text) {
  if (ringing.has(who)) return;
  const sample = SAMPLES[kind];
  play(sample);
  const timer = setInterval(() => play(sample), sample.every);
  ringing.set(who, { timer, kind, text, notification: kind === 'incoming' ? notify(who, text) : null });
  flashTitle();
}

/** Stops ringing for `who`. */
export function silence(who) {
  const ring = ringing.get(who);
  if (!ring) return;
  clearInterval(ring.timer);
  ring.notification?.close();
  ringing.delete(who);
  flashTitle();
}

function flashTitle() {
  clearInterval(flash);
  const text = [...ringing.values()].find((ring) => ring.kind === 'incoming')?.text;
  document.title = title;
  if (text) {
    let shown = false;
    flash = setInterval(() => {
      shown = !shown;
      document.title = shown ? `☎ ${text}` : title;
    }, 900);
  }
}

function notify(who, text) {
  if (globalThis.Notification?.permission !== 'granted' || document.hasFocus()) return null;
  try {
    const notification = new Notification(text, { tag: `call-${who}`, icon: new URL('icon.svg', import.meta.url).href });
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
    return notification;
  } catch {
    // Phones show notifications only through a service worker, which this page does not have.
    return null;
  }
}

/** Requests the permission for notifications, once, on the first action of the user. */
export function askToNotify() {
  if (globalThis.Notification?.permission === 'default') Notification.requestPermission().catch(() => {});
}
