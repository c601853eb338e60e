// Numbers and times as the rest of the page writes them: a true minus, grouped digits, UTC.

const ABSENT = '—';

function digits(value, places) {
  const text = Math.abs(value).toLocaleString('en-US', { minimumFractionDigits: places, maximumFractionDigits: places });
  return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

function amount(value, currency, signed = false) {
  const size = Math.abs(value);
  const places = size >= 1 || size === 0 ? 2 : size < 0.01 ? 6 : 4;
  return `${signed && value > 0 ? '+' : ''}${digits(value, places)} ${currency}`.trim();
}

// Places that suit a whole column of money, so that its points stand under one another.
function placesFor(values) {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest >= 100 || largest === 0 ? 2 : largest >= 1 ? 3 : largest >= 0.01 ? 5 : 8;
}

function percent(ratio, places = 2, signed = false) {
  return `${signed && ratio > 0 ? '+' : ''}${digits(100 * ratio, places)} %`;
}

function two(value) { return String(value).padStart(2, '0'); }

function day(ms) {
  const at = new Date(ms);
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
}

function clock(ms) {
  const at = new Date(ms);
  const seconds = at.getUTCSeconds() ? `:${two(at.getUTCSeconds())}` : '';
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}${seconds}`;
}

function moment(ms) { return `${day(ms)} ${clock(ms)}`; }

function lasting(seconds) {
  const days = seconds / 86400;
  if (days >= 2) return `${digits(days, 1)} days`;
  if (days >= 1 / 12) return `${digits(24 * days, 1)} h`;
  return `${digits(1440 * days, 0)} min`;
}

// Places after the point that a price needs: what it is stored with, but not more than a reader can use.
// How many decimals a number needs that is exact to eight digits.
function placesIn(value) {
  const exact = Number(value.toPrecision(8));
  let places = 0;
  while (places < 10 && Number(exact.toFixed(places)) !== exact) places += 1;
  return places;
}

// As many decimals as the step itself has: 2.5 needs one, or its labels would read 0, 3, 5.
function placesOf(step) {
  let places = Math.max(0, Math.min(10, Math.ceil(-Math.log10(step) - 1e-9)));
  const isWhole = () => Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) < 1e-6;
  while (places < 10 && !isWhole()) places += 1;
  return places;
}

function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children);
  return node;
}
