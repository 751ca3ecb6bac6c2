// Numbers and times as text.

/** Formats a number with separators. */
export const number = (value) => value.toLocaleString('en');

/** Formats bytes. */
export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, value > 0 ? Math.floor(Math.log2(value) / 10) : 0);
  const scaled = value / 1024 ** power;
  return `${scaled.toFixed(power > 0 && scaled < 10 ? 1 : 0)} ${units[power]}`;
}

/** Formats the time since `instant` with its two largest units. */
export function since(instant) {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(instant)) / 1000));
  const parts = [[Math.floor(seconds / 86400), 'd'], [Math.floor(seconds / 3600) % 24, 'h'], [Math.floor(seconds / 60) % 60, 'min'], [seconds % 60, 's']];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0 s';
  return parts.slice(first, first + 2).map(([count, unit]) => `${count} ${unit}`).join(' ');
}

/** Formats a time of today, or date and time. */
export function moment(instant) {
  const at = new Date(instant);
  const isToday = at.toDateString() === new Date().toDateString();
  const time = { hour: '2-digit', minute: '2-digit', second: '2-digit' };
  return at.toLocaleString('en-GB', isToday ? time : { ...time, day: 'numeric', month: 'short' });
}
