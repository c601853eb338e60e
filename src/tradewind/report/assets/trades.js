// The list of trades: sorted by any column, a page at a time, each row opening the chart at its place.

const PAGE_ROWS = 20;
const TRADE_SHORT = 1;
const TRADE_OPEN = 2;

class TradeList {
  constructor(run, onShow) {
    this.run = run;
    this.onShow = onShow;
    this.root = document.getElementById('trade-list');
    const { trades } = run;
    this.count = trades.entry.length;
    if (!this.count) {
      this.root.append(make('p', {}, 'Nothing was traded.'));
      return;
    }
    this.order = Array.from({ length: this.count }, (none, number) => number);
    Object.assign(this, { page: 0, sorted: 1, down: false, chosen: null });
    this.build();
    this.fill();
  }

  columns() {
    const { trades, symbols } = this.run;
    // A symbol's bars tell how many places its prices have.
    const places = symbols.map((name) => this.run.bars[name]?.decimals);
    const price = (value, i) => {
      if (!value) return ABSENT;
      const known = places[trades.symbol[i]];
      return known === undefined ? String(Number(value.toPrecision(8))) : digits(value, Math.max(known, 0));
    };
    const [gains, costs, rents] = [placesFor(trades.pnl), placesFor(trades.fees), placesFor(trades.funding)];
    const signed = (value, places) => `${value > 0 ? '+' : ''}${digits(value, places)}`;
    // As many as the finest quantity of a symbol has, so that the points of a column align.
    const lots = symbols.map(() => 0);
    trades.qty.forEach((qty, i) => { lots[trades.symbol[i]] = Math.max(lots[trades.symbol[i]], placesIn(qty)); });
    const open = (i) => (trades.flags[i] & TRADE_OPEN) !== 0;
    return [
      ['Trade', (i) => i, (i) => this.opener(i)],
      ['Entry (UTC)', (i) => trades.entry[i], (i) => moment(trades.entry[i])],
      ['Symbol', (i) => symbols[trades.symbol[i]], (i) => symbols[trades.symbol[i]], true],
      ['Side', (i) => trades.flags[i] & TRADE_SHORT, (i) => ((trades.flags[i] & TRADE_SHORT) !== 0 ? 'short' : 'long'), true],
      ['Held', (i) => trades.held_s[i], (i) => lasting(trades.held_s[i])],
      ['Qty', (i) => trades.qty[i], (i) => digits(trades.qty[i], lots[trades.symbol[i]])],
      ['Entry price', (i) => trades.entry_price[i], (i) => price(trades.entry_price[i], i)],
      ['Exit price', (i) => trades.exit_price[i], (i) => price(trades.exit_price[i], i)],
      ['Profit', (i) => trades.pnl[i], (i) => signed(trades.pnl[i], gains)],
      ['Return', (i) => trades.ratio[i], (i) => percent(trades.ratio[i], 2, true)],
      ['Fees', (i) => trades.fees[i], (i) => digits(trades.fees[i], costs)],
      ['Funding', (i) => trades.funding[i], (i) => signed(trades.funding[i], rents)],
      ['Closed by', (i) => (open(i) ? 'open' : trades.roles[trades.role[i]]), (i) => (open(i) ? 'still open' : trades.roles[trades.role[i]]), true],
      ['Tag', (i) => trades.tags[trades.tag[i]], (i) => trades.tags[trades.tag[i]], true],
    ];
  }

  build() {
    this.shape = this.columns();
    this.heads = this.shape.map(([name, , , word], at) => make(
      'th', { scope: 'col', class: word ? 'word' : 'number' },
      make('button', { type: 'button', onclick: () => this.sort(at) }, name),
    ));
    this.body = make('tbody');
    const { total, first } = this.run.trades;
    const cut = first > 0 ? `; the first ${digits(first, 0)} are in fills.parquet only` : '';
    this.caption = make('caption');
    this.said = `${digits(total, 0)} ${total === 1 ? 'trade' : 'trades'} from flat to flat; money in ${this.run.currency || 'account currency'}, profit after fees and funding${cut}`;
    const table = make('table', {}, this.caption, make('thead', {}, make('tr', {}, ...this.heads)), this.body);
    this.where = make('span', { 'aria-live': 'polite' });
    const go = (text, name, to) => make('button', { type: 'button', 'aria-label': name, onclick: () => { to(); this.fill(); } }, text);
    this.back = go('‹', 'Earlier page', () => { this.page -= 1; });
    this.next = go('›', 'Next page', () => { this.page += 1; });
    this.root.append(
      make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'List of trades' }, table),
      make('div', { class: 'pager' }, this.back, this.next, this.where),
    );
  }

  sort(at) {
    this.down = this.sorted === at ? !this.down : !this.shape[at][3];
    this.sorted = at;
    const key = this.shape[at][1];
    const way = this.down ? -1 : 1;
    const keys = this.order.map((unused, i) => key(i));
    const compare = (a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0);
    this.order = Array.from(keys, (unused, i) => i).sort((a, b) => way * compare(a, b) || a - b);
    this.page = 0;
    this.fill();
  }

  choose(trade) {
    this.chosen = trade;
    this.page = Math.floor(this.order.indexOf(trade) / PAGE_ROWS);
    this.fill();
  }

  fill() {
    const pages = Math.ceil(this.count / PAGE_ROWS);
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    const rows = this.order.slice(this.page * PAGE_ROWS, (this.page + 1) * PAGE_ROWS);
    this.body.replaceChildren(...rows.map((trade) => this.row(trade)));
    this.heads.forEach((head, at) => head.setAttribute('aria-sort', at !== this.sorted ? 'none' : this.down ? 'descending' : 'ascending'));
    this.back.disabled = this.page === 0;
    this.next.disabled = this.page === pages - 1;
    const first = this.page * PAGE_ROWS + 1;
    const last = first + rows.length - 1;
    this.where.textContent = `${digits(first, 0)} to ${digits(last, 0)} of ${digits(this.count, 0)}`;
    this.caption.textContent = `${this.said}. Here: ${this.where.textContent}, by ${this.shape[this.sorted][0]}`;
  }

  row(trade) {
    const cells = this.shape.map(([, , content, word]) => make('td', { class: word ? 'word' : 'number' }, content(trade)));
    return make('tr', { class: trade === this.chosen ? 'chosen' : null }, ...cells);
  }

  // The number of a trade is the button that shows it in the chart.
  opener(trade) {
    const name = String(trade + 1 + this.run.trades.first);
    const show = () => { this.chosen = trade; this.fill(); this.onShow(trade); };
    return make('button', { type: 'button', 'aria-label': `Show trade ${name} in the chart`, title: 'Show in the chart', onclick: show }, name);
  }
}
