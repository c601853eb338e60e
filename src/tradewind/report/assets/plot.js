// A canvas with panes one above another that share one axis of time: drawing, zooming, moving, reading.

const MINUTE = 60000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  1000, 5000, 15000, 30000, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY,
];
const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60];
const COLOURS = [
  'paper', 'panel', 'ink', 'soft', 'line', 'grid', 'gain', 'loss', 'second', 'third', 'band', 'late',
  'up', 'down', 'wick', 'buy', 'sell',
];
const AXIS_WIDTH = 66;
const AXIS_HEIGHT = 22;
const TITLE_HEIGHT = 18;
const PAPER_WIDTH = 980;
const PAPER_SHAPE = 0.52;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif';

// A canvas cannot read a style sheet: a hidden element resolves each colour for the theme in use.
function readColours(light) {
  const probe = make('span', { hidden: true });
  if (light) probe.style.colorScheme = 'light';
  document.body.append(probe);
  const found = {};
  for (const name of COLOURS) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

function niceTicks(low, high, most) {
  const span = high - low;
  if (!(span > 0)) return { step: 1, ticks: [low] };
  const rough = span / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((unit) => unit * power).find((size) => size >= rough * 0.999);
  const ticks = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at += 1) ticks.push(at * step);
  // One number alone is no scale.
  return ticks.length > 1 || most > 12 ? { step, ticks } : niceTicks(low, high, most + 2);
}

function timeTicks(from, to, most) {
  const rough = (to - from) / Math.max(most, 1);
  const step = STEPS.find((size) => size >= rough);
  if (step !== undefined) {
    const ticks = [];
    // Weeks are counted from a Monday, everything else from midnight.
    const origin = step === 7 * DAY || step === 14 * DAY ? 4 * DAY : 0;
    for (let at = Math.ceil((from - origin) / step) * step + origin; at <= to; at += step) ticks.push(at);
    return ticks.map((at) => [at, step >= DAY || at % DAY === 0 ? day(at).slice(5) : clock(at)]);
  }
  const months = MONTH_STEPS.find((size) => size * 30.4 * DAY >= rough) ?? 120;
  const first = new Date(from);
  const ticks = [];
  let count = first.getUTCFullYear() * 12 + first.getUTCMonth();
  for (count = Math.ceil(count / months) * months; ; count += months) {
    const at = Date.UTC(Math.floor(count / 12), count % 12, 1);
    if (at > to) return ticks;
    if (at >= from) ticks.push([at, day(at).slice(0, 7)]);
  }
}

class TimeSpan {
  constructor(first, last, narrowest) {
    this.set(first, last, narrowest);
  }

  set(first, last, narrowest) {
    const air = narrowest / 2;
    this.first = first - air;
    this.last = last + air;
    this.narrowest = Math.min(narrowest, this.last - this.first);
    this.from = this.first;
    this.to = this.last;
  }

  show(from, to) {
    const width = Math.min(Math.max(to - from, this.narrowest), this.last - this.first);
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(middle - width / 2, this.first), this.last - width);
    this.to = this.from + width;
  }

  zoom(factor, at = (this.from + this.to) / 2) {
    const width = Math.max((this.to - this.from) * factor, this.narrowest);
    const share = (at - this.from) / (this.to - this.from);
    this.show(at - share * width, at + (1 - share) * width);
  }

  move(share) {
    const by = share * (this.to - this.from);
    this.show(this.from + by, this.to + by);
  }
}

class Plot {
  // panes: [{ weight, title(colours), range(from, to), places, suffix, draw(g) }]; read(time) fills the readout.
  constructor(figure, span, panes, read, pick = () => {}) {
    this.canvas = figure.querySelector('canvas');
    this.out = figure.querySelector('.readout');
    this.tools = figure.querySelector('.tools');
    this.pen = this.canvas.getContext('2d');
    Object.assign(this, { span, panes, read, pick, cursor: null, waiting: false, light: false });
    this.pointers = new Map();
    this.addTools();
    this.listen();
    new ResizeObserver(() => this.later()).observe(this.canvas);
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }

  addTools() {
    const button = (text, told, act) => make('button', {
      type: 'button', 'aria-label': told, title: told, onclick: () => { act(); this.later(); },
    }, text);
    this.tools.append(
      button('+', 'Zoom in', () => this.span.zoom(0.5)),
      button('−', 'Zoom out', () => this.span.zoom(2)),
      button('‹', 'Earlier', () => this.span.move(-0.5)),
      button('›', 'Later', () => this.span.move(0.5)),
      button('All', 'Show the whole run', () => this.span.show(this.span.first, this.span.last)),
    );
    this.tools.append(make('span', { class: 'hint' }, 'drag to move · Ctrl + wheel or pinch to zoom · arrow keys'));
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener('wheel', (event) => {
      // A plain wheel scrolls the page; only a chart that was asked for takes it.
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.span.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(event));
      this.later();
    }, { passive: false });
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, event);
      this.pressed = { x: event.clientX, moved: false };
    });
    canvas.addEventListener('pointermove', (event) => this.onMove(event));
    const lift = (event) => {
      if (this.pointers.delete(event.pointerId) && this.pressed && !this.pressed.moved && event.type === 'pointerup') {
        this.pick(this.timeAt(event), event.offsetX, event.offsetY);
      }
    };
    canvas.addEventListener('pointerup', lift);
    canvas.addEventListener('pointercancel', lift);
    canvas.addEventListener('pointerleave', () => { this.cursor = null; this.later(); });
    canvas.addEventListener('dblclick', (event) => { this.span.zoom(0.4, this.timeAt(event)); this.later(); });
    canvas.addEventListener('keydown', (event) => this.onKey(event));
  }

  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (before) {
      const others = [...this.pointers.values()].filter((other) => other.pointerId !== event.pointerId);
      if (others.length) {
        const apart = (pointer) => Math.max(Math.abs(pointer.clientX - others[0].clientX), 12);
        this.span.zoom(apart(before) / apart(event), this.timeAt(event));
      } else {
        this.span.move((before.clientX - event.clientX) / this.width());
      }
      if (Math.abs(event.clientX - this.pressed.x) > 4) this.pressed.moved = true;
      this.pointers.set(event.pointerId, event);
    }
    this.cursor = this.timeAt(event);
    this.later();
  }

  onKey(event) {
    const acts = {
      ArrowLeft: () => this.span.move(-0.1), ArrowRight: () => this.span.move(0.1),
      '+': () => this.span.zoom(0.7), '=': () => this.span.zoom(0.7), '-': () => this.span.zoom(1.4),
      Home: () => this.span.show(this.span.first, this.span.last), 0: () => this.span.show(this.span.first, this.span.last),
    };
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
    this.cursor = (this.span.from + this.span.to) / 2;
    this.later();
  }

  // Paper has a width of its own, whatever the screen beside it.
  size() {
    if (this.light) return [PAPER_WIDTH, Math.round(PAPER_WIDTH * PAPER_SHAPE)];
    return [this.canvas.clientWidth, this.canvas.clientHeight];
  }

  width() { return Math.max(this.size()[0] - AXIS_WIDTH, 40); }

  x(time) { return ((time - this.span.from) / (this.span.to - this.span.from)) * this.width(); }

  timeAt(event) { return this.span.from + (event.offsetX / this.width()) * (this.span.to - this.span.from); }

  draw() {
    const { canvas, pen } = this;
    const [wide, high] = this.size();
    if (!wide || !high) return;
    const density = this.light ? 3 : window.devicePixelRatio || 1;
    canvas.width = Math.round(wide * density);
    canvas.height = Math.round(high * density);
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.font = FONT;
    const colours = readColours(this.light);
    const whole = this.panes.reduce((sum, pane) => sum + pane.weight, 0);
    const room = high - AXIS_HEIGHT;
    let top = 0;
    for (const pane of this.panes) {
      const bottom = top + (room * pane.weight) / whole;
      this.drawPane(pane, top, bottom, colours);
      top = bottom;
    }
    this.drawTimes(room, colours);
    this.drawCursor(room, colours);
    this.out.replaceChildren(...this.read(this.cursor));
  }

  drawPane(pane, top, bottom, colours) {
    const { pen } = this;
    const width = this.width();
    let [low, high] = pane.range(this.span.from, this.span.to);
    if (!(high > low)) { const air = Math.abs(low) * 0.01 || 0.01; low -= air; high += air; }
    const inner = { top: top + TITLE_HEIGHT, bottom: bottom - 4 };
    const y = (value) => inner.bottom - ((value - low) / (high - low)) * (inner.bottom - inner.top);
    const { step, ticks } = niceTicks(low, high, Math.max(3, (inner.bottom - inner.top) / 38));
    pen.strokeStyle = colours.grid;
    pen.fillStyle = colours.soft;
    pen.lineWidth = 1;
    pen.textAlign = 'left';
    pen.textBaseline = 'middle';
    for (const tick of ticks) {
      this.line(0, y(tick), width, y(tick));
      pen.fillText(pane.label(tick, step), width + 6, y(tick), AXIS_WIDTH - 8);
    }
    pen.save();
    pen.beginPath();
    pen.rect(0, top, width, bottom - top);
    pen.clip();
    pane.draw({ pen, colours, y, x: (time) => this.x(time), from: this.span.from, to: this.span.to, width, ...inner, plot: this });
    pen.restore();
    this.drawTitle(pane.title, top, colours);
    pen.strokeStyle = colours.line;
    if (top > 0) this.line(0, top, width + AXIS_WIDTH, top);
    this.line(width, top, width, bottom);
  }

  drawTitle(parts, top, colours) {
    const { pen } = this;
    pen.textBaseline = 'middle';
    pen.textAlign = 'left';
    let left = 8;
    for (const [colour, text] of parts) {
      const middle = top + 10;
      // On a phone the words at the end give way.
      if (left > 8 && left + 13 + pen.measureText(text).width > this.width()) break;
      const marked = colour && !/^[▲▼]/.test(text);
      if (marked) {
        pen.fillStyle = colours[colour];
        pen.fillRect(left, middle - 4, 9, 9);
        left += 13;
      }
      pen.fillStyle = colour && !marked ? colours[colour] : colours.soft;
      pen.fillText(text, left, middle);
      left += pen.measureText(text).width + 14;
    }
  }

  drawTimes(top, colours) {
    const { pen } = this;
    const width = this.width();
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.strokeStyle = colours.line;
    this.line(0, top, width + AXIS_WIDTH, top);
    for (const [time, text] of timeTicks(this.span.from, this.span.to, width / 66)) {
      const x = this.x(time);
      const half = pen.measureText(text).width / 2;
      pen.strokeStyle = colours.line;
      this.line(x, top, x, top + 4);
      pen.fillStyle = colours.soft;
      if (x > half && x < width - half) pen.fillText(text, x, top + 13);
    }
    pen.fillText('UTC', width + AXIS_WIDTH / 2, top + 13);
  }

  drawCursor(room, colours) {
    if (this.cursor === null) return;
    this.pen.strokeStyle = colours.soft;
    this.pen.setLineDash([3, 3]);
    this.line(this.x(this.cursor), 0, this.x(this.cursor), room);
    this.pen.setLineDash([]);
  }

  line(x1, y1, x2, y2) {
    const crisp = (value) => Math.round(value) + 0.5;
    this.pen.beginPath();
    this.pen.moveTo(crisp(x1), crisp(y1));
    this.pen.lineTo(crisp(x2), crisp(y2));
    this.pen.stroke();
  }
}

// The readout under a chart: names in plain, values in bold.
function told(pairs) {
  return pairs.flatMap(([name, value]) => [make('span', {}, `${name} `, make('b', {}, value)), ' ']);
}
