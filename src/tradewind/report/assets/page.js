// Start: read the data, draw, and keep theme and print in step.

const root = document.documentElement;

function isDark() {
  return root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function sayWhyNot(error) {
  const text = `The charts could not be drawn: ${error.message}. Tables and numbers below are complete.`;
  document.querySelector('main').prepend(make('p', { class: 'note', role: 'alert' }, text));
  root.dataset.ready = 'failed';
}

async function start() {
  const run = await readRun();
  let list = null;
  const price = new PricePlot(run, (trade) => list.choose(trade));
  list = new TradeList(run, (trade) => price.show(trade));
  const plots = [curvePlot(run), price.plot].filter(Boolean);
  const redraw = () => plots.forEach((plot) => plot.later());
  document.getElementById('theme').addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    redraw();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  // Paper is white and has no pixels to spare: drawn again, in light colours and finer.
  const print = (light) => plots.forEach((plot) => { plot.light = light; plot.cursor = null; plot.draw(); });
  // On paper nothing can be unfolded.
  const unfold = (open) => document.querySelectorAll('details').forEach((part) => { part.open = open; });
  addEventListener('beforeprint', () => { print(true); unfold(true); });
  addEventListener('afterprint', () => { print(false); unfold(false); });
  plots.forEach((plot) => plot.draw());
  root.dataset.readyMs = String(Math.round(performance.now()));
  root.dataset.ready = 'yes';
}

start().catch(sayWhyNot);
