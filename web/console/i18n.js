// Texts of the page in English and Vietnamese.

import { Store } from './store.js';
import en from './texts/en.js';
import vi from './texts/vi.js';

const TEXTS = { en, vi };

class Language extends Store {
  code = localStorage.getItem('language') ?? (navigator.language.startsWith('vi') ? 'vi' : 'en');

  choose(code) {
    this.code = code;
    localStorage.setItem('language', code);
    document.documentElement.lang = code;
    this.changed();
  }
}

export const language = new Language();
document.documentElement.lang = language.code;

/** Languages by their own names. */
export const LANGUAGES = { en: 'English', vi: 'Tiếng Việt' };

/** Returns the text `key` with its placeholders filled in. */
export function t(key, values = {}) {
  const text = TEXTS[language.code][key] ?? TEXTS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

/** Formats seconds as 0:07 or 1:02:03. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] > 0 ? parts : parts.slice(1);
  return shown.map((part, index) => (index ? String(part).padStart(2, '0') : part)).join(':');
}

/** Formats hours and minutes. */
export const timeOf = (instant) => new Date(instant).toLocaleTimeString(language.code, { hour: '2-digit', minute: '2-digit' });

/** Formats the day: today, yesterday, or the date with its weekday. */
export function dayOf(instant) {
  const [at, now] = [new Date(instant), new Date()];
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const days = Math.round((midnight(at) - midnight(now)) / 86_400_000);
  if (days >= -1) return new Intl.RelativeTimeFormat(language.code, { numeric: 'auto' }).format(days, 'day');
  const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return at.toLocaleDateString(language.code, { weekday: 'long', day: 'numeric', month: 'long', year });
}

/** Formats a time of today, or date and time. */
export function moment(instant) {
  const at = new Date(instant);
  const isToday = at.toDateString() === new Date().toDateString();
  const time = { hour: '2-digit', minute: '2-digit' };
  return at.toLocaleString(language.code, isToday ? time : { ...time, day: 'numeric', month: 'short' });
}
