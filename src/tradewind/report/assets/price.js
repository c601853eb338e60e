// The bars of one symbol with its fills, from the whole run down to the single bar.

const FILL_SIDE = 1;
const FILL_MAKER = 4;
const CROWD = 1500;
const CROWD_COLUMN = 4;
const CROWD_HEIGHT = 16;

class PricePlot {
  constructor(run, onPick) {
    this.run = run;
    this.onPick = onPick;
    this.chosen = null;
    this.figure = document.getElementById('price-plot');
    this.names = run.symbols.map((name, number) => number).filter((number) => run.symbols[number] in run.bars);
    if (!this.names.length) {
      this.figure.replaceChildren(make('p', { class: 'note' }, 'No bars were kept with this report.'));
      return;
    }
    this.ready = new Map();
    const counts = new Map();
    for (const number of run.fills.symbol) counts.set(number, (counts.get(number) ?? 0) + 1);
    const busiest = this.names.reduce((best, one) => ((counts.get(one) ?? 0) > (counts.get(best) ?? 0) ? one : best));
    this.span = new TimeSpan(0, 1, 1);
    this.plot = new Plot(this.figure, this.span, this.panes(), (time) => this.read(time), (...at) => this.click(...at));
    this.addTools(busiest, counts);
    this.choose(busiest);
  }

  addTools(busiest, counts) {
    this.select = make('select', { 'aria-label': 'Symbol', onchange: () => this.choose(Number(this.select.value)) });
    for (const number of this.names) {
      const option = make('option', { value: String(number) }, `${this.run.symbols[number]} (${counts.get(number) ?? 0} fills)`);
      this.select.append(option);
    }
    this.select.value = String(busiest);
    const step = (text, name, way) => make('button', { type: 'button', 'aria-label': name, title: name, onclick: () => this.stepFill(way) }, text);
    this.plot.tools.prepend(this.select, step('◂ fill', 'Previous fill', -1), step('fill ▸', 'Next fill', 1));
  }

  // Bars and fills of a symbol are made from their packed form when they are first looked at.
  open(number) {
    if (!this.ready.has(number)) {
      const told = this.run.bars[this.run.symbols[number]];
      const fills = this.run.fills;
      const own = [];
      for (let i = 0; i < fills.t.length; i += 1) if (fills.symbol[i] === number) own.push(i);
      this.ready.set(number, {
        decimals: told.decimals,
        overview: candles(told.overview, told.decimals),
        detail: told.detail ? candles(told.detail, told.decimals) : null,
        fills: own,
        times: Float64Array.from(own, (i) => fills.t[i]),
      });
    }
    return this.ready.get(number);
  }

  choose(number) {
    this.number = number;
    this.now = this.open(number);
    this.select.value = String(number);
    const { overview, detail } = this.now;
    const finest = (detail && detail.t.length ? detail : overview).interval;
    this.span.set(overview.t[0], overview.t[overview.t.length - 1] + overview.interval, 12 * finest);
    this.chosen = null;
    this.plot.later();
  }

  show(trade) {
    const { trades } = this.run;
    if (!this.plot || !this.names.includes(trades.symbol[trade])) return;
    if (trades.symbol[trade] !== this.number) this.choose(trades.symbol[trade]);
    const from = trades.entry[trade];
    const to = from + 1000 * trades.held_s[trade];
    const finest = (this.now.detail ?? this.now.overview).interval;
    const air = Math.max((to - from) * 0.4, 15 * finest);
    this.span.show(from - air, to + air);
    this.chosen = trade;
    this.plot.later();
    this.figure.scrollIntoView({ block: 'center' });
    this.plot.canvas.focus({ preventScroll: true });
  }

  stepFill(way) {
    const { times } = this.now;
    if (!times.length) return;
    const middle = (this.span.from + this.span.to) / 2;
    const finest = (this.now.detail ?? this.now.overview).interval;
    const at = way > 0 ? after(times, middle + finest) : after(times, middle - finest) - 1;
    const time = times[Math.min(Math.max(at, 0), times.length - 1)] + finest / 2;
    const width = Math.min(this.span.to - this.span.from, 120 * finest);
    this.span.show(time - width / 2, time + width / 2);
    this.plot.cursor = time;
    this.plot.later();
  }

  click(time, x, y) {
    const { fills, times } = this.now;
    const near = (10 / this.plot.width()) * (this.span.to - this.span.from);
    const found = [];
    for (let i = after(times, time - near - this.barWidth()); i < times.length && times[i] <= time + near; i += 1) found.push(fills[i]);
    if (!found.length) return;
    const trade = this.run.fills.trade[found[found.length >> 1]] - this.run.trades.first;
    this.chosen = trade;
    this.plot.later();
    this.onPick(trade);
  }

  barWidth() { return (this.now.detail ?? this.now.overview).interval; }

  // What is drawn: the run's own bars near fills where they are wide enough to be seen, coarse ones elsewhere.
  visible() {
    const { overview, detail } = this.now;
    const { from, to } = this.span;
    const columns = this.plot.width();
    const parts = [];
    const cut = (bars) => [Math.max(after(bars.t, from - bars.interval), 0), after(bars.t, to)];
    const fine = detail && (to - from) / detail.interval <= columns;
    const [a, b] = cut(overview);
    const group = Math.max(1, Math.ceil((b - a) / (columns / 3)));
    let free = fine ? cut(detail) : [0, 0];
    for (let i = a; i < b; i += group) {
      const end = Math.min(i + group, b);
      const until = overview.t[end - 1] + overview.interval;
      if (fine && group === 1) {
        const first = after(detail.t, overview.t[i] - 1);
        const covered = after(detail.t, until - 1) - first;
        if (covered * detail.interval >= overview.interval * 0.999) continue;
      }
      parts.push(merge(overview, i, end, until));
    }
    const own = [];
    for (let i = free[0]; i < free[1]; i += 1) own.push(merge(detail, i, i + 1, detail.t[i] + detail.interval));
    return { coarse: parts, own: fine ? own : [], mixed: Boolean(fine && own.length && parts.length) };
  }

  panes() {
    const price = {
      weight: 5,
      title: [['buy', '▲ buy'], ['sell', '▼ sell'], [null, 'ring: stop, liquidation or forced exit'], ...this.cutNote()],
      range: () => {
        this.seen = this.visible();
        let [low, high] = [Infinity, -Infinity];
        for (const bar of [...this.seen.coarse, ...this.seen.own]) {
          if (bar.low < low) low = bar.low;
          if (bar.high > high) high = bar.high;
        }
        for (const i of this.fillsSeen()) {
          const value = this.run.fills.price[i];
          if (value < low) low = value;
          if (value > high) high = value;
        }
        if (!(high >= low)) return [0, 1];
        const air = (high - low) * 0.07;
        return [low - (this.fillsSeen().length > CROWD ? 4 * air : air), high + air];
      },
      label: (value, step) => digits(value, Math.min(placesOf(step), Math.max(this.now.decimals, 0))),
      draw: (g) => {
        this.shadeLate(g);
        const faint = this.seen.mixed;
        for (const bar of this.seen.coarse) drawCandle(g, bar, faint);
        for (const bar of this.seen.own) drawCandle(g, bar, false);
        this.drawTrades(g);
        // Thousands of marks would hide the price: they are counted instead.
        const crowded = this.fillsSeen().length > CROWD;
        if (crowded) this.drawCrowd(g); else this.drawFills(g);
      },
    };
    const volume = {
      weight: 1.1,
      title: [[null, 'Volume']],
      range: () => [0, [...this.seen.coarse, ...this.seen.own].reduce((most, bar) => Math.max(most, bar.rate), 0) * 1.05 || 1],
      label: () => '',
      draw: (g) => {
        g.pen.fillStyle = g.colours.down;
        for (const bar of [...this.seen.coarse, ...this.seen.own]) {
          const left = g.x(bar.from);
          g.pen.fillRect(left, g.y(bar.rate), Math.max(g.x(bar.to) - left - 0.5, 0.6), g.bottom - g.y(bar.rate));
        }
      },
    };
    return [price, volume];
  }

  cutNote() {
    const { total, t } = this.run.fills;
    return total > t.length ? [[null, `the last ${digits(t.length, 0)} of ${digits(total, 0)} fills`]] : [];
  }

  shadeLate(g) {
    const start = this.run.out_of_sample_ms;
    if (start === null) return;
    g.pen.fillStyle = g.colours.late;
    g.pen.fillRect(g.x(start), 0, g.width - g.x(start), g.bottom + 4);
  }

  fillsSeen() {
    const { fills, times } = this.now;
    const width = this.barWidth();
    return fills.slice(Math.max(after(times, this.span.from - width), 0), after(times, this.span.to));
  }

  drawFills(g) {
    const { fills } = this.run;
    const seen = this.fillsSeen();
    const size = seen.length > 300 ? 3.2 : seen.length > 60 ? 4.6 : 6.5;
    const half = this.barWidth() / 2;
    const { pen, colours } = g;
    pen.lineWidth = 1;
    for (const i of seen) {
      const sells = (fills.flags[i] & FILL_SIDE) !== 0;
      const x = g.x(fills.t[i] + half);
      const y = g.y(fills.price[i]);
      pen.fillStyle = sells ? colours.sell : colours.buy;
      pen.strokeStyle = colours.paper;
      const way = sells ? -1 : 1;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x - size, y + way * size * 1.7);
      pen.lineTo(x + size, y + way * size * 1.7);
      pen.closePath();
      pen.fill();
      if (size > 4) pen.stroke();
      const role = fills.roles[fills.role[i]];
      if (size > 4 && role !== 'open' && role !== 'close') {
        pen.strokeStyle = colours.ink;
        pen.beginPath();
        pen.arc(x, y, size * 0.75, 0, 7);
        pen.stroke();
      }
    }
  }

  // How many fills each few pixels hold: buys upwards, sells downwards, at the foot of the pane.
  drawCrowd(g) {
    const { fills } = this.run;
    const counts = Array.from({ length: Math.ceil(g.width / CROWD_COLUMN) }, () => [0, 0]);
    for (const i of this.fillsSeen()) {
      const at = Math.floor(g.x(fills.t[i]) / CROWD_COLUMN);
      if (counts[at]) counts[at][(fills.flags[i] & FILL_SIDE) !== 0 ? 1 : 0] += 1;
    }
    const most = Math.max(...counts.flat());
    const middle = g.bottom - CROWD_HEIGHT - 2;
    counts.forEach(([buys, sells], at) => {
      const tall = (count) => (CROWD_HEIGHT * count) / most;
      g.pen.fillStyle = g.colours.buy;
      g.pen.fillRect(at * CROWD_COLUMN, middle - tall(buys), CROWD_COLUMN - 1, tall(buys));
      g.pen.fillStyle = g.colours.sell;
      g.pen.fillRect(at * CROWD_COLUMN, middle + 1, CROWD_COLUMN - 1, tall(sells));
    });
    g.pen.fillStyle = g.colours.soft;
    g.pen.fillText(`fills, at most ${digits(most, 0)} a column; zoom in to see each`, 8, middle - CROWD_HEIGHT - 8);
  }

  drawTrades(g) {
    const { trades, fills } = this.run;
    const seen = new Set(this.fillsSeen().map((i) => fills.trade[i] - trades.first));
    if (this.chosen !== null) seen.add(this.chosen);
    if (seen.size > 150) { seen.clear(); if (this.chosen !== null) seen.add(this.chosen); }
    const half = this.barWidth() / 2;
    for (const trade of seen) {
      if (trade < 0 || trade >= trades.entry.length || !trades.entry_price[trade] || !trades.exit_price[trade]) continue;
      if (trades.symbol[trade] !== this.number) continue;
      const main = trade === this.chosen;
      g.pen.strokeStyle = trades.pnl[trade] >= 0 ? g.colours.gain : g.colours.loss;
      g.pen.globalAlpha = main ? 1 : 0.55;
      g.pen.lineWidth = main ? 2.4 : 1.2;
      g.pen.setLineDash(main ? [] : [4, 3]);
      g.pen.beginPath();
      g.pen.moveTo(g.x(trades.entry[trade] + half), g.y(trades.entry_price[trade]));
      g.pen.lineTo(g.x(trades.entry[trade] + 1000 * trades.held_s[trade] + half), g.y(trades.exit_price[trade]));
      g.pen.stroke();
    }
    g.pen.setLineDash([]);
    g.pen.globalAlpha = 1;
    g.pen.lineWidth = 1;
  }

  read(time) {
    if (!this.seen) return [];
    const bars = this.seen.own.length ? [...this.seen.coarse, ...this.seen.own] : this.seen.coarse;
    const at = time ?? this.span.to;
    let bar = null;
    for (const one of bars) {
      if (one.from <= at && (bar === null || one.from > bar.from || one.to - one.from < bar.to - bar.from)) bar = one;
    }
    if (!bar) return [];
    const price = (value) => digits(value, Math.max(this.now.decimals, 0));
    const pairs = [
      ['', `${moment(bar.from)} UTC, ${lasting((bar.to - bar.from) / 1000)}`],
      ['Open', price(bar.open)], ['High', price(bar.high)], ['Low', price(bar.low)], ['Close', price(bar.close)],
      ['Volume', `≈ ${digits(bar.volume, bar.volume < 10 ? 3 : 0)}`],
    ];
    return told([...pairs, ...this.fillsIn(bar)]);
  }

  fillsIn(bar) {
    const { fills, currency } = this.run;
    const { times, fills: own } = this.now;
    const first = after(times, bar.from - 1);
    const end = after(times, bar.to - 1);
    if (end - first > 3) return [['Fills', String(end - first)]];
    const pairs = [];
    for (let k = first; k < end; k += 1) {
      const i = own[k];
      const side = (fills.flags[i] & FILL_SIDE) !== 0 ? 'sell' : 'buy';
      const made = (fills.flags[i] & FILL_MAKER) !== 0 ? 'maker' : 'taker';
      const tag = fills.tags[fills.tag[i]];
      pairs.push([
        `${fills.roles[fills.role[i]]}${tag ? ` (${tag})` : ''}`,
        `${side} ${Number(fills.qty[i].toPrecision(8))} at ${digits(fills.price[i], Math.max(this.now.decimals, 0))}, ${made}, fee ${amount(fills.fee[i], currency)}`,
      ]);
    }
    return pairs;
  }
}

// Bars from one place to another as one: what a screen column shows of many.
function merge(bars, first, end, until) {
  let high = -Infinity;
  let low = Infinity;
  let volume = 0;
  for (let i = first; i < end; i += 1) {
    if (bars.high[i] > high) high = bars.high[i];
    if (bars.low[i] < low) low = bars.low[i];
    volume += bars.volume[i];
  }
  const from = bars.t[first];
  return { from, to: until, open: bars.open[first], high, low, close: bars.close[end - 1], volume, rate: volume / (until - from) };
}

function drawCandle(g, bar, faint) {
  const { pen, colours } = g;
  const left = g.x(bar.from);
  const wide = Math.max(g.x(bar.to) - left, 0.8);
  const middle = left + wide / 2;
  const [top, bottom] = [g.y(Math.max(bar.open, bar.close)), g.y(Math.min(bar.open, bar.close))];
  pen.globalAlpha = faint ? 0.4 : 1;
  pen.strokeStyle = colours.wick;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(middle, g.y(bar.high));
  pen.lineTo(middle, g.y(bar.low));
  pen.stroke();
  if (wide >= 3) {
    const body = [left + wide * 0.14, top, wide * 0.72, Math.max(bottom - top, 1)];
    pen.fillStyle = bar.close >= bar.open ? colours.up : colours.down;
    pen.fillRect(...body);
    pen.strokeRect(...body);
  }
  pen.globalAlpha = 1;
}
