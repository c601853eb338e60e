// Equity, underwater, exposure and margin use over the whole run, on one axis of time.

function curvePlot(run) {
  const figure = document.getElementById('curve-plot');
  const curve = run.curve;
  if (!curve) {
    figure.replaceChildren(make('p', { class: 'note' }, 'The run has no equity rows.'));
    return null;
  }
  const { t } = curve;
  const last = t.length - 1;
  const span = new TimeSpan(t[0], t[last], Math.max((t[last] - t[0]) / 200, MINUTE));
  const between = (columns, ground = []) => (from, to) => {
    const a = Math.max(after(t, from) - 1, 0);
    const b = Math.min(after(t, to), last);
    let [low, high] = ground.length ? [Math.min(...ground), Math.max(...ground)] : [Infinity, -Infinity];
    for (const values of columns) {
      for (let i = a; i <= b; i += 1) {
        if (values[i] < low) low = values[i];
        if (values[i] > high) high = values[i];
      }
    }
    const air = (high - low) * 0.04;
    return [low - air, high + air];
  };
  const path = (g, times, values) => {
    const a = Math.max(after(times, g.from) - 2, 0);
    const b = Math.min(after(times, g.to) + 1, times.length);
    g.pen.beginPath();
    for (let i = a; i < b; i += 1) g.pen[i === a ? 'moveTo' : 'lineTo'](g.x(times[i]), g.y(values[i]));
    // One point alone would be invisible as a line.
    if (b - a === 1) g.pen.arc(g.x(times[a]), g.y(values[a]), 3, 0, 7);
    return [g.x(times[a]), g.x(times[b - 1])];
  };
  const stroke = (g, colour, wide, dash = []) => {
    g.pen.setLineDash(dash);
    g.pen.lineWidth = wide;
    g.pen.strokeStyle = g.colours[colour];
    g.pen.stroke();
    g.pen.setLineDash([]);
    g.pen.lineWidth = 1;
  };
  const area = (g, values, colour) => {
    const [left, right] = path(g, t, values);
    stroke(g, colour, 1.3);
    g.pen.lineTo(right, g.y(0));
    g.pen.lineTo(left, g.y(0));
    g.pen.globalAlpha = 0.22;
    g.pen.fillStyle = g.colours[colour];
    g.pen.fill();
    g.pen.globalAlpha = 1;
  };
  const ribbon = (g, times, low, high) => {
    g.pen.beginPath();
    for (let i = 0; i < times.length; i += 1) g.pen[i ? 'lineTo' : 'moveTo'](g.x(times[i]), g.y(high[i]));
    for (let i = times.length - 1; i >= 0; i -= 1) g.pen.lineTo(g.x(times[i]), g.y(low[i]));
    g.pen.fillStyle = g.colours.band;
    g.pen.fill();
  };
  const shadeLate = (g) => {
    if (run.out_of_sample_ms === null) return;
    const x = g.x(run.out_of_sample_ms);
    g.pen.fillStyle = g.colours.late;
    g.pen.fillRect(x, 0, g.width - x, g.bottom + 4);
  };
  const fan = run.fan;
  const money = [curve.low, curve.high];
  const widest = fan ? [fan.low, fan.high] : [];
  const equity = {
    weight: 5,
    title: [['gain', `Equity (${run.currency})`], ['second', 'balance'],
      ...(fan ? [['band', `${Math.round(100 * fan.level)} % of resampled runs`]] : []),
      ...(run.out_of_sample_ms === null ? [] : [['late', 'out of sample']])],
    range: (from, to) => {
      const [low, high] = between(money, [run.start_equity])(from, to);
      if (!fan) return [low, high];
      // The band may be far wider than the curve: it widens the view, but never more than twice.
      const room = (high - low) * 0.5;
      return [Math.max(Math.min(...widest[0], low), low - room), Math.min(Math.max(...widest[1], high), high + room)];
    },
    label: (value, step) => digits(value, placesOf(step)),
    draw: (g) => {
      shadeLate(g);
      if (fan) ribbon(g, fan.t, fan.low, fan.high);
      g.pen.strokeStyle = g.colours.soft;
      g.pen.setLineDash([2, 4]);
      g.plot.line(0, g.y(run.start_equity), g.width, g.y(run.start_equity));
      g.pen.setLineDash([]);
      ribbon(g, t, curve.low, curve.high);
      path(g, t, curve.balance);
      stroke(g, 'second', 1, [4, 3]);
      path(g, t, curve.equity);
      stroke(g, 'gain', 1.7);
    },
  };
  const underwater = {
    weight: 2.2,
    title: [['loss', 'Underwater (% below the peak)']],
    range: between([curve.underwater], [0]),
    label: (value, step) => `${digits(100 * value, placesOf(100 * step))} %`,
    draw: (g) => { shadeLate(g); area(g, curve.underwater, 'loss'); },
  };
  const exposure = {
    weight: 1.7,
    title: [['third', 'Exposure (× equity)'], ['ink', 'net'], ['second', 'margin use']],
    range: between([curve.gross, curve.net, curve.margin], [0]),
    label: (value, step) => `${digits(value, placesOf(step))} ×`,
    draw: (g) => {
      shadeLate(g);
      area(g, curve.gross, 'third');
      path(g, t, curve.margin);
      stroke(g, 'second', 1.2);
      path(g, t, curve.net);
      stroke(g, 'ink', 1, [2, 2]);
    },
  };
  const read = (time) => {
    const at = time === null ? last : Math.min(Math.max(after(t, time) - 1, 0), last);
    return told([
      ['', `${moment(t[at])} UTC`], ['Equity', amount(curve.equity[at], run.currency)],
      ['Balance', amount(curve.balance[at], run.currency)], ['Below peak', percent(curve.underwater[at])],
      ['Exposure', `${digits(curve.gross[at], 2)} ×`], ['Net', `${digits(curve.net[at], 2)} ×`],
      ['Margin use (highest)', percent(curve.margin[at])],
    ]);
  };
  return new Plot(figure, span, [equity, underwater, exposure], read);
}
