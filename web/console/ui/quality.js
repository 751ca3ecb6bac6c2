// Network quality of the call, as numbers and as a graph.

import { html } from '../vendor/htm-preact.js';
import { t } from '../i18n.js';
import { LEVELS } from '../quality.js';

const WIDTH = 240;
const HEIGHT = 56;
const SHOWN = 120;

export function Quality({ phone }) {
  const samples = phone.media?.samples ?? [];
  const last = samples.at(-1);
  if (!last) return null;
  return html`<section class="quality" aria-label=${t('quality')}>
    <div class="quality-head">
      <h3>${t('quality')}</h3>
      <span class=${`level level-${last.level ?? 'UNKNOWN'}`}>${t(last.level ?? 'UNKNOWN')}</span>
      ${phone.settings.isDevelopment && html`<label class="pretend">${t('pretend')}
        <select onChange=${(event) => { phone.pretend(event.target.value); event.target.value = ''; }}>
          <option value="">${t('measured')}</option>
          ${LEVELS.map((level) => html`<option key=${level} value=${level}>${t(level)}</option>`)}
        </select></label>`}
    </div>
    <dl class="numbers">
      <div><dt>${t('round-trip')}</dt><dd>${last.roundTrip === null ? '–' : `${Math.round(last.roundTrip)} ms`}</dd></div>
      <div><dt>${t('loss')}</dt><dd>${last.loss === null ? '–' : `${(100 * last.loss).toFixed(1)} %`}</dd></div>
      <div><dt>${t('incoming')}</dt><dd>${Math.round(last.kilobits)} kbit/s</dd></div>
      ${phone.call.type === 'VIDEO' && html`<div><dt>${t('frames')}</dt><dd data-decoded=${last.decoded}>${t('per-second', { count: Math.round(last.frames) })}</dd></div>`}
    </dl>
    <${Graph} samples=${samples} />
  </section>`;
}

/** Round-trip time as a line, packet loss as bars below; both scale with the measurements. */
function Graph({ samples }) {
  const worst = Math.max(100, ...samples.map((one) => one.roundTrip ?? 0));
  const lossiest = Math.max(0.05, ...samples.map((one) => one.loss ?? 0));
  const x = (index) => WIDTH - (samples.length - 1 - index) * (WIDTH / (SHOWN - 1));
  const points = samples.flatMap((one, index) => (one.roundTrip === null ? [] : [`${x(index).toFixed(1)},${(HEIGHT - 4 - (HEIGHT - 10) * (one.roundTrip / worst)).toFixed(1)}`]));
  return html`<svg class="graph" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${t('quality-graph')}>
    <line x1="0" x2=${WIDTH} y1=${HEIGHT - 1} y2=${HEIGHT - 1} class="axis" />
    ${samples.map((one, index) => one.loss > 0 && html`<rect key=${one.at} class="lost" x=${x(index) - 0.8} width="1.600" y=${HEIGHT - 1 - (HEIGHT - 10) * (one.loss / lossiest)} height=${(HEIGHT - 10) * (one.loss / lossiest)} />`)}
    ${points.length > 1 && html`<polyline class="trip" points=${points.join(' ')} />`}
  </svg>`;
}
