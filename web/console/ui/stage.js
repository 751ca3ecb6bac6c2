// The call: ringing, active, ended.

import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { duration, t } from '../i18n.js';
import { isAnswered } from '../phone.js';
import { askToNotify } from '../ring.js';
import { Avatar, Bar, Icon, useClock } from './parts.js';

export function Stage({ phone, quiet, bots, onSimulate }) {
  const { call, outcome, elsewhere } = phone;
  if (call && isAnswered(call.status)) return html`<${Talking} phone=${phone} quiet=${quiet} key=${call.id} />`;
  if (call) return html`<${Ringing} phone=${phone} key=${call.id} />`;
  if (elsewhere) return html`<${Elsewhere} phone=${phone} />`;
  if (outcome) return html`<${Outcome} phone=${phone} outcome=${outcome} />`;
  const { history } = phone.records;
  if (history.isRead && history.items.length === 0) return html`<${Invitation} ...${{ phone, bots, onSimulate }} />`;
  return null;
}

/** Shown until the user has had a call: what to do next. */
function Invitation({ phone, bots, onSimulate }) {
  const { people } = phone.records;
  const online = people.find((one) => one.sessions > 0);
  const [other] = people;
  const canSimulate = phone.settings.isDevelopment && other && !online && !bots.has(other.userId);
  const hint = online ? t('first-call-online', { name: online.name }) : t(canSimulate ? 'first-call-alone' : 'first-call-nobody');
  return html`<section class="stage is-invitation" data-state="none" aria-label=${t('first-call')}>
    <h2>${t('first-call')}</h2>
    <p>${hint}</p>
    ${online && html`<button type="button" class="go big" disabled=${phone.connection !== 'online'}
      onClick=${() => { askToNotify(); phone.dial(online.userId, 'VIDEO'); }}><${Icon} name="video" />${t('first-call-to', { name: online.name })}</button>`}
    ${canSimulate && html`<button type="button" class="go big" onClick=${() => onSimulate(other.userId, other.name)}>
      <${Icon} name="robot" />${t('first-call-simulate', { name: other.name })}</button>`}
  </section>`;
}

function Ringing({ phone }) {
  const { call } = phone;
  useClock(true);
  const acceptButton = useRef();
  useEffect(() => {
    // Does not take the focus from an input field.
    if (!call.isCaller && document.activeElement === document.body) acceptButton.current?.focus();
  }, [call.id]);
  const whole = phone.settings.ringTimeoutSeconds;
  // The clocks agree within the latency of a message.
  const left = Math.min(whole, Math.max(0, (call.ringsUntil - phone.now()) / 1000));
  const isVideo = call.type === 'VIDEO';
  const kind = call.isCaller ? t(call.status === 'RINGING' ? 'ringing' : 'not-there') : t(isVideo ? 'incoming-video' : 'incoming-voice');
  return html`<section class="stage is-ringing" data-state=${call.isCaller ? 'outgoing' : 'incoming'} aria-label=${kind}>
    <div class="halo"><${Avatar} name=${call.otherName} size="huge" /></div>
    <div role=${call.isCaller ? 'status' : 'alert'}>
      <h2>${call.otherName}</h2>
      <p class="kind"><${Icon} name=${isVideo ? 'video' : 'phone'} />${kind}</p>
    </div>
    <${Countdown} left=${left} whole=${whole} />
    ${call.isCaller
      ? html`<div class="controls">
          <button type="button" class="danger big" data-do="cancel" disabled=${call.isBusy} onClick=${() => phone.end()}><${Icon} name="close" />${t('cancel')}</button>
        </div>`
      : html`<div class="controls">
          <${Reject} phone=${phone} />
          <button type="button" class="go big" data-do="accept" ref=${acceptButton} disabled=${call.isBusy}
            onClick=${() => { askToNotify(); phone.accept(); }}><${Icon} name=${isVideo ? 'video' : 'phone'} />${t('accept')}</button>
        </div>`}
  </section>`;
}

function Countdown({ left, whole }) {
  const share = whole > 0 ? Math.min(1, left / whole) : 0;
  const text = t('seconds-left', { count: Math.ceil(left) });
  return html`<p class="countdown">
    <${Bar} share=${share} />
    <span>${text}</span>
  </p>`;
}

/** Three reject reasons as three buttons, without a menu. */
function Reject({ phone }) {
  return html`<div class="reject" role="group" aria-label=${t('reject-why')}>
    ${['declined', 'busy', 'unavailable'].map((reason) => html`
      <button type="button" key=${reason} class=${reason === 'declined' ? 'danger' : 'danger-quiet'} data-do=${`reject-${reason}`}
        disabled=${phone.call.isBusy} onClick=${() => phone.reject(reason)}>${t(reason === 'declined' ? 'decline' : reason)}</button>`)}
  </div>`;
}

function Talking({ phone, quiet }) {
  const { call, media, warning } = phone;
  useClock(true);
  const [isSilent, setSilent] = useState(quiet);
  const isVideo = call.type === 'VIDEO';
  const flows = media.state === 'connected';
  const hint = !flows && t(media.samples.some((one) => one.bytes > 0) ? 'interrupted' : 'setting-up');
  const seconds = call.startedAt ? (phone.now() - call.startedAt) / 1000 : 0;
  const name = call.otherName;
  return html`<section class=${`stage is-talking ${isVideo ? 'has-video' : ''}`} data-state="talking" data-status=${call.status} aria-label=${t('in-call-with', { name })}>
    <${Video} stream=${media.remote} muted=${isSilent} label=${t('their-video', { name })} className="theirs" hidden=${!isVideo || !flows} />
    ${!(isVideo && flows) && html`<div class="halo is-still"><${Avatar} name=${name} size="huge" /></div>`}
    ${isVideo && media.local && html`<${Video} stream=${media.local} muted=${true} label=${t('your-video')} className=${`mine ${media.isCameraOff ? 'is-off' : ''} ${media.isDrawn ? '' : 'is-mirrored'}`} />`}
    <div class="caption">
      <strong>${name}</strong>
      <span class="timer" role="timer" aria-label=${t('call-time')}>${duration(seconds)}</span>
      ${media.isDrawn && isVideo && html`<span class="tag">${t('drawn')}</span>`}
    </div>
    ${hint && html`<p class="hint-over" role="status">${hint}</p>`}
    ${warning && html`<p class="warning-over" role="status">${t('their-network', { name, quality: t(warning.quality).toLowerCase() })}</p>`}
    <div class="controls over">
      <button type="button" class="over-button round" aria-pressed=${media.isMuted ? 'true' : 'false'} title=${t(media.isMuted ? 'unmute' : 'mute')} aria-label=${t('mute')}
        onClick=${() => media.mute(!media.isMuted)}><${Icon} name="mic" struck=${media.isMuted} /></button>
      ${isVideo && html`<button type="button" class="over-button round" aria-pressed=${media.isCameraOff ? 'true' : 'false'} title=${t(media.isCameraOff ? 'camera-on' : 'camera-off')} aria-label=${t('camera-off')}
        onClick=${() => media.hideCamera(!media.isCameraOff)}><${Icon} name="video" struck=${media.isCameraOff} /></button>`}
      <button type="button" class="over-button round" aria-pressed=${isSilent ? 'true' : 'false'} title=${t(isSilent ? 'sound-on' : 'sound-off')} aria-label=${t('sound-off')}
        onClick=${() => setSilent(!isSilent)}><${Icon} name="speaker" struck=${isSilent} /></button>
      <button type="button" class="danger big" data-do="hang-up" disabled=${call.isBusy} onClick=${() => phone.end()}><${Icon} name="close" /><span>${t('hang-up')}</span></button>
    </div>
  </section>`;
}

function Video({ stream, muted, label, className, hidden = false }) {
  const element = useRef();
  useEffect(() => {
    if (element.current.srcObject === stream) return;
    element.current.srcObject = stream ?? null;
    if (stream) element.current.play().catch(() => {});
  }, [stream, stream?.getTracks().length]);
  useEffect(() => {
    // The attribute sets only the initial state.
    element.current.muted = muted;
  }, [muted]);
  return html`<video ref=${element} class=${className} aria-label=${label} hidden=${hidden} autoplay playsinline muted=${muted}></video>`;
}

function Elsewhere({ phone }) {
  return html`<section class="stage is-note" data-state="elsewhere">
    <p role="status">${t('in-call-elsewhere')}</p>
    <div class="controls"><button type="button" class="danger" onClick=${() => phone.endElsewhere()}>${t('end-it')}</button></div>
  </section>`;
}

function Outcome({ phone, outcome }) {
  const { otherName, otherId, type } = outcome;
  return html`<section class="stage is-note" data-state="over" data-outcome=${outcome.kind}>
    <${Avatar} name=${otherName} size="large" />
    <p role="status">${sentence(outcome)}</p>
    <div class="controls">
      <button type="button" class="quiet" onClick=${() => phone.dismiss()}>${t('dismiss')}</button>
      ${outcome.kind !== 'elsewhere' && html`<button type="button" class="tinted" disabled=${phone.connection !== 'online'} onClick=${() => phone.dial(otherId, type)}>
        <${Icon} name=${type === 'VIDEO' ? 'video' : 'phone'} />${t('call-again')}</button>`}
    </div>
  </section>`;
}

function sentence({ kind, byMe, by, reason, seconds, isCaller, otherName: name }) {
  switch (kind) {
    case 'rejected':
      return byMe ? t('you-rejected', { name }) : t('they-rejected', { name, reason: t(reason ?? 'busy').toLowerCase() });
    case 'cancelled':
      return byMe ? t('cancelled') : t('they-cancelled', { name });
    case 'missed':
      return isCaller ? t('nobody-answered', { name }) : t('you-missed', { name });
    case 'elsewhere':
      return t('answered-elsewhere');
    default: {
      const ended = by === 'system' ? t('ended-by-system') : t('ended', { name });
      return seconds === undefined || seconds === null ? ended : `${ended} ${t('ended-after', { time: duration(seconds) })}`;
    }
  }
}
