// Basic components.

import { html, useEffect, useState } from '../vendor/htm-preact.js';
import { hueOf, initialsOf } from '../media.js';

/** Renders the component again after each change of `store`. */
export function useStore(store) {
  const [, again] = useState(0);
  useEffect(() => store?.watch(() => again((count) => count + 1)), [store]);
}

/** Renders the component again at a rate per second, while `isOn`. */
export function useClock(isOn, perSecond = 2) {
  const [, again] = useState(0);
  useEffect(() => {
    if (!isOn) return undefined;
    const timer = setInterval(() => again((count) => count + 1), 1000 / perSecond);
    return () => clearInterval(timer);
  }, [isOn, perSecond]);
}

/** Returns the theme, `light` or `dark`, and the function that changes it. The browser keeps it for all pages. */
export function useTheme() {
  const [theme, setTheme] = useState(() => localStorage.getItem('theme') ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const choose = (one) => {
    localStorage.setItem('theme', one);
    setTheme(one);
  };
  return [theme, choose];
}

const PATHS = {
  phone: 'M6.6 3.2c.6-.6 1.600-.5 2 .2l1.700 2.700c.4.6.3 1.400-.2 1.900l-1 1c1 2.200 2.700 3.900 4.900 4.900l1-1c.5-.5 1.300-.6 1.900-.2l2.700 1.700c.7.4.8 1.400.2 2l-1.400 1.400c-.8.8-1.900 1.100-3 .7C9.200 16.300 6 13 4.500 7.600c-.3-1 0-2.200.7-3z',
  video: 'M4.500 6h8A1.500 1.500 0 0 1 14 7.500v9a1.500 1.500 0 0 1-1.500 1.500h-8A1.500 1.500 0 0 1 3 16.500v-9A1.500 1.500 0 0 1 4.500 6zm11.500 4.500 4-2.700c.5-.3 1 0 1 .5v7.400c0 .5-.5.8-1 .5l-4-2.700z',
  mic: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zm-6.500 7.500h1.700a4.800 4.800 0 0 0 9.600 0h1.700a6.500 6.500 0 0 1-5.650 6.430V20h-1.700v-3.070A6.500 6.500 0 0 1 5.500 10.500z',
  speaker: 'M4 9.500h3.500L12 5.500v13l-4.500-4H4zM15 8.800a4.500 4.500 0 0 1 0 6.400M17.500 6.300a8 8 0 0 1 0 11.400',
  close: 'm6 6 12 12M18 6 6 18',
  robot: 'M8 8h8a3 3 0 0 1 3 3v5a3 3 0 0 1-3 3H8a3 3 0 0 1-3-3v-5a3 3 0 0 1 3-3zm4-4v4M9.500 12.500v2m5-2v2',
  window: 'M5 5h8M5 5v14h14v-8M14 5h5v5m0-5-8 8',
  in: 'M17 7 7 17m0-8v8h8',
  out: 'M7 17 17 7m-8 0h8v8',
  trash: 'M5 7h14M10 7V4.500h4V7m-7.500 0 .8 12.500h9.400L17.500 7',
};
const LINES = new Set(['speaker', 'close', 'robot', 'window', 'in', 'out', 'trash']);

/** Icon; its meaning is in the text beside it. */
export function Icon({ name, struck = false }) {
  const look = LINES.has(name)
    ? { fill: 'none', stroke: 'currentColor', 'stroke-width': 1.8, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }
    : { fill: 'currentColor' };
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} ...${look} />
    ${struck && html`<path d="M4 3.500 20.500 20" fill="none" stroke="currentColor" stroke-width="2.200" stroke-linecap="round" />`}
  </svg>`;
}

/** User as a coloured disc with initials: the page loads no pictures from other servers. */
export function Avatar({ name, size = 'small' }) {
  return html`<svg class="avatar avatar-${size}" viewBox="0 0 40 40" aria-hidden="true" focusable="false">
    <circle cx="20" cy="20" r="20" fill=${`hsl(${hueOf(name)} 48% 40%)`} />
    <text x="20" y="25.200" text-anchor="middle" fill="#fff" font-size="14.500" font-weight="600">${initialsOf(name)}</text>
  </svg>`;
}

/** Bar for a fraction from 0 to 1; the number is beside it. */
export function Bar({ share }) {
  return html`<span class="bar" aria-hidden="true"><span style=${{ width: `${100 * share}%` }}></span></span>`;
}

/** Group of buttons, one of which is selected. */
export function Choice({ label, options, value, onChoose }) {
  return html`<div class="choice" role="group" aria-label=${label}>
    ${Object.entries(options).map(([key, text]) => html`
      <button type="button" key=${key} aria-pressed=${key === value ? 'true' : 'false'} onClick=${() => onChoose(key)}>${text}</button>`)}
  </div>`;
}
