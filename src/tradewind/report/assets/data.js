// The other half of report/encoding.py: packed columns back into numbers.

async function inflate(text) {
  const raw = atob(text.trim());
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at += 1) bytes[at] = raw.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function column(bytes, told) {
  const { at, n, run, scale = 1, offset = 0 } = told;
  const values = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i += 1) {
    const first = at + i;
    const zigzag = bytes[first] | (bytes[first + n] << 8) | (bytes[first + 2 * n] << 16) | (bytes[first + 3 * n] << 24);
    const step = (zigzag >>> 1) ^ -(zigzag & 1);
    sum = run ? sum + step : step;
    values[i] = sum * scale + offset;
  }
  return values;
}

// Every object that looks like a packed column becomes one; the rest stays as it is.
function unpack(bytes, facts) {
  if (Array.isArray(facts) || facts === null || typeof facts !== 'object') return facts;
  if ('at' in facts && 'n' in facts) return column(bytes, facts);
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, unpack(bytes, value)]));
}

// Prices are stored as steps from one another: the open from the last close, the extremes from the body.
function candles(packed, decimals) {
  const unit = 10 ** -decimals;
  const { t, close, open_gap: gap, above, below, volume } = packed;
  const n = t.length;
  const made = {
    interval: packed.interval_ms, t,
    open: new Float64Array(n), high: new Float64Array(n), low: new Float64Array(n),
    close: new Float64Array(n), volume: new Float64Array(n),
  };
  for (let i = 0; i < n; i += 1) {
    const open = i > 0 ? close[i - 1] + gap[i] : packed.open_first;
    made.open[i] = open * unit;
    made.close[i] = close[i] * unit;
    made.high[i] = (Math.max(open, close[i]) + above[i]) * unit;
    made.low[i] = (Math.min(open, close[i]) - below[i]) * unit;
    made.volume[i] = volume[i] > 0 ? packed.volume_floor * packed.volume_step ** (volume[i] - 1) : 0;
  }
  return made;
}

async function readRun() {
  const facts = JSON.parse(document.getElementById('facts').textContent);
  const bytes = await inflate(document.getElementById('columns').textContent);
  return unpack(bytes, facts);
}

// The first place of an ascending column whose value is above the given one.
function after(values, value) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1; else high = middle;
  }
  return low;
}
