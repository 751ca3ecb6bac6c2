// Graphs of the last hour.

import { html } from './vendor/htm-preact.js';
import { number } from './format.js';

const WIDTH = 240;
const HEIGHT = 64;
/** The last hour and the current minute. */
const MINUTES = 61;

/** Gauges are lines, counts of a minute are bars. */
const GRAPHS = [
  { field: 'liveCalls', title: 'Live calls' },
  { field: 'connections', title: 'Sockets' },
  { field: 'webhooksWaiting', title: 'Webhooks waiting' },
  { field: 'callsStarted', title: 'Calls per minute', isCount: true },
  { field: 'requests', title: 'Requests per minute', isCount: true },
  { field: 'serverErrors', title: 'Server errors per minute', isCount: true, isBad: true },
];

export function Graphs({ minutes }) {
  return html`<section class="pane card" aria-labelledby="hour">
    <h2 id="hour">Last hour</h2>
    <ul class="graphs">
      ${GRAPHS.map((graph) => html`<li key=${graph.field}><${Graph} ...${graph} minutes=${minutes} /></li>`)}
    </ul>
  </section>`;
}

function Graph({ field, title, minutes, isCount = false, isBad = false }) {
  const values = minutes.map((minute) => minute[field]);
  const highest = Math.max(...values);
  const scale = Math.max(1, highest);
  // The current minute is at the right edge, and has its own place.
  const bar = WIDTH / MINUTES;
  const x = (index) => WIDTH - (minutes.length - index) * bar;
  const y = (value) => HEIGHT - 2 - (HEIGHT - 8) * (value / scale);
  const line = values.flatMap((value, index) => [x(index), x(index + 1)].map((end) => `${end.toFixed(1)},${y(value).toFixed(1)}`));
  return html`<div class="graph-head"><h3>${title}</h3><strong>${number(values.at(-1))}</strong></div>
    <svg class=${isBad ? 'hour is-bad' : 'hour'} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img"
      aria-label=${`${title}: ${number(values.at(-1))} now, at most ${number(highest)} in the last hour`}>
      <line class="axis" x1="0" x2=${WIDTH} y1=${HEIGHT - 1} y2=${HEIGHT - 1} />
      ${isCount
        ? values.map((value, index) => value > 0 && html`<rect key=${minutes[index].at} x=${x(index).toFixed(1)} width=${bar - 0.8}
            y=${y(value).toFixed(1)} height=${(HEIGHT - 2 - y(value)).toFixed(1)} />`)
        : html`<polyline points=${line.join(' ')} />`}
    </svg>
    <p class="graph-foot" aria-hidden="true"><span>60 min ago</span><span>at most ${number(highest)}</span><span>now</span></p>`;
}
