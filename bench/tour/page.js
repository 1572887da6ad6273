'use strict';
// Draws the charts of the page from the numbers in the element #data. All charts share the time axis and the cursor.

const data = JSON.parse(document.getElementById('data').textContent);
const HEIGHT = 168, TOP = 20, BOTTOM = 22, LEFT = 58, RIGHT = 10;

function element(name, attributes, parent) {
  const svg = ['svg', 'path', 'line', 'rect', 'circle', 'text', 'g', 'title'].includes(name);
  // The namespace's name is taken from the document, so that this file names no address.
  const node = svg ? document.createElementNS(SVG_NAMESPACE, name) : document.createElement(name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (parent) parent.append(node);
  return node;
}
const SVG_NAMESPACE = new DOMParser().parseFromString('<svg></svg>', 'text/html').querySelector('svg').namespaceURI;

// Numbers as people read them.
function digits(value) {
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
function count(value) {
  if (value >= 1e6) return digits(value / 1e6) + ' M';
  return value >= 1e3 ? digits(value / 1e3) + ' k' : value.toFixed(0);
}
function percent(value) {
  return (value > 0 && value < 1 ? value.toFixed(2) : value.toFixed(1)) + ' %';
}
function millis(value) {
  if (value >= 1000) return digits(value / 1000) + ' s';
  return value >= 1 ? digits(value) + ' ms' : digits(value * 1000) + ' µs';
}
function nanos(value) { return digits(value) + ' ns'; }
// Axis labels are round already.
function round(format) {
  return value => value === 0 ? '0' : format(value).replace(/(\.\d*?)0+(?= )/, '$1').replace(/\.(?= )/, '');
}

const workers = data.reads.map((values, i) => ({
  name: 'process ' + i, values, color: ['--blue', '--blue-2', '--blue-3', '--blue-4'][i % 4],
}));
const CHARTS = [
  {
    title: 'Reads per second', stacked: true, format: count, series: workers, always: true,
    note: 'All processes together, one layer each. A layer that is missing is a process that is dead, paused or waiting.',
  },
  {
    title: 'Who answered', stacked: true, format: percent, max: 100, always: true,
    note: 'The share of reads answered by the memory of the process itself, and by the server. The more of the first, ' +
        'the less everybody waits.',
    series: [
      {name: 'own memory', values: data.memory, color: '--blue'},
      {name: 'server', values: data.server, color: '--amber'},
      {name: 'no value found', values: data.missing, color: '--grey'},
      {name: 'failed', values: data.failed, color: '--red'},
    ],
  },
  {
    title: 'Cost of a read from memory', format: nanos, always: true, zero: true,
    note: 'Sampled without the cost of checking; the median of the quarter second.',
    series: [{name: 'median', values: data.hit, color: '--blue'}],
  },
  {
    title: 'Latency of a read from the server', format: millis, log: true,
    note: 'From the call to its answer, logarithmic scale. It includes the wait for a processor: the load keeps all of ' +
        'them busy.',
    series: [
      {name: 'median', values: data.latency50, color: '--blue'},
      {name: 'p99', values: data.latency99, color: '--amber'},
    ],
  },
  {
    title: 'Invalidation lag', format: millis, log: true,
    note: 'How long the news of a change takes to reach a process, as the slowest of the caches counts it since it was ' +
        'opened; and, found by the judge, how long ago the outdated values had been replaced that reads still returned.',
    series: [
      {name: 'median', values: data.lag50, color: '--blue'},
      {name: 'p99', values: data.lag99, color: '--amber'},
      {name: 'longest', values: data.lagMax, color: '--red'},
      {name: 'outdated reads, p99', values: data.age99, color: '--violet'},
    ],
  },
  {
    title: 'Oldest value served', format: millis, zero: true, bound: data.boundMs,
    note: 'The promise itself: how long the oldest value that any read returned had been replaced. Above the dashed ' +
        'line it would be broken.',
    series: [{name: 'oldest', values: data.oldest, color: '--green'}],
  },
];

// Layers of a stacked chart, bottom first, as [from, to] per sample.
function layersOf(series) {
  const sum = data.time.map(() => 0);
  return series.map(s => s.values.map((value, i) => [sum[i], sum[i] += value || 0]));
}

function niceStep(span, lines) {
  const raw = span / lines, power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 2.5, 5, 10].find(m => m * power >= raw);
}

// The vertical scale: {at(value) → y, ticks}.
function scaleOf(chart, layers) {
  const bottom = HEIGHT - BOTTOM, span = bottom - TOP;
  const all = layers ? layers.flat().map(l => l[1]) : chart.series.flatMap(s => s.values).filter(v => v !== null);
  if (chart.log) {
    const low = Math.floor(Math.log10(Math.min(...all, 1))), high = Math.ceil(Math.log10(Math.max(...all, 1e-2)));
    const ticks = Array.from({length: high - low + 1}, (_, i) => 10 ** (low + i));
    return {ticks, at: v => bottom - (Math.log10(v) - low) / (high - low || 1) * span};
  }
  const top = chart.max || Math.max(...all, (chart.bound || 0) * 1.2, 1e-9);
  const step = chart.max ? chart.max / 4 : niceStep(top, 4);
  const ticks = [];
  for (let v = 0; v <= top * 1.0001; v += step) ticks.push(v);
  return {ticks, at: v => bottom - v / (chart.max || top * 1.04) * span};
}

function drawFrame(svg, chart, x, scale, width) {
  for (const event of data.events) {
    if (event.until <= event.at) continue;
    element('rect', {class: 'away', x: x(event.at), y: TOP, width: x(event.until) - x(event.at),
      height: HEIGHT - BOTTOM - TOP}, svg);
  }
  for (const tick of scale.ticks) {
    const y = Math.round(scale.at(tick));
    element('line', {class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y, y2: y}, svg);
    element('text', {x: LEFT - 8, y: y + 4, 'text-anchor': 'end'}, svg).textContent = round(chart.format)(tick);
  }
  const step = niceStep(data.seconds, width > 500 ? 10 : 5);
  for (let t = 0; t <= data.seconds * 1.001; t += step) {
    const label = element('text', {x: x(t), y: HEIGHT - 5, 'text-anchor': 'middle'}, svg);
    label.textContent = +t.toFixed(1) + ' s';
  }
}

function drawFaults(svg, x) {
  data.events.forEach((event, i) => {
    const at = x(event.at);
    element('line', {class: 'fault', x1: at, x2: at, y1: TOP - 4, y2: HEIGHT - BOTTOM}, svg);
    const badge = element('g', {class: 'badge'}, svg);
    element('title', {}, badge).textContent = event.name;
    element('circle', {cx: at, cy: TOP - 11, r: 8}, badge);
    element('text', {x: at, y: TOP - 7}, badge).textContent = i + 1;
  });
}

function areaPath(layer, x, scale) {
  const up = layer.map((l, i) => `${x(data.time[i]).toFixed(1)},${scale.at(l[1]).toFixed(1)}`);
  const down = layer.map((l, i) => `${x(data.time[i]).toFixed(1)},${scale.at(l[0]).toFixed(1)}`).reverse();
  return `M${up.join('L')}L${down.join('L')}Z`;
}

// Gaps where nothing was measured stay gaps; a point between two gaps becomes a dot.
function linePath(values, x, scale) {
  let path = '', pen = false;
  values.forEach((value, i) => {
    if (value === null) { pen = false; return; }
    const point = `${x(data.time[i]).toFixed(1)},${scale.at(value).toFixed(1)}`;
    path += pen ? 'L' + point : `M${point}l0,0.01`;
    pen = true;
  });
  return path;
}

function drawSeries(svg, chart, layers, x, scale) {
  chart.series.forEach((series, i) => {
    const color = `var(${series.color})`;
    if (layers) {
      element('path', {d: areaPath(layers[i], x, scale), style: `fill:${color}`}, svg);
    } else {
      const values = chart.zero && chart.bound ? series.values.map(v => v === null ? 0 : v) : series.values;
      element('path', {class: 'line', d: linePath(values, x, scale), style: `stroke:${color}`}, svg);
    }
  });
}

function drawBound(svg, chart, scale, width) {
  if (!chart.bound) return;
  const y = scale.at(chart.bound);
  element('line', {class: 'bound', x1: LEFT, x2: width - RIGHT, y1: y, y2: y}, svg);
  const label = element('text', {class: 'bound-label', x: width - RIGHT, y: y - 6}, svg);
  label.textContent = `promised: ${millis(chart.bound)}`;
}

// One figure with its caption; returns what the shared cursor needs.
function makeFigure(chart, parent) {
  const figure = element('figure', {}, parent), caption = element('figcaption', {}, figure);
  element('b', {}, caption).textContent = chart.title;
  const outputs = chart.series.map(series => {
    const legend = element('span', {class: 'legend'}, caption);
    element('i', {class: chart.stacked ? 'area' : '', style: `background:var(${series.color})`}, legend);
    legend.append(series.name);
    return element('output', {}, legend);
  });
  element('p', {}, caption).textContent = chart.note;
  return {chart, figure, outputs, svg: null, cursor: null};
}

function draw(view) {
  const {chart, figure} = view, width = figure.clientWidth;
  const svg = element('svg', {viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': chart.title});
  const end = Math.max(data.seconds, ...data.time);
  const x = seconds => LEFT + seconds / end * (width - LEFT - RIGHT);
  const layers = chart.stacked ? layersOf(chart.series) : null, scale = scaleOf(chart, layers);
  drawFrame(svg, chart, x, scale, width);
  drawSeries(svg, chart, layers, x, scale);
  drawBound(svg, chart, scale, width);
  drawFaults(svg, x);
  view.cursor = element('g', {class: 'cursor'}, svg);
  element('line', {y1: TOP, y2: HEIGHT - BOTTOM}, view.cursor);
  element('text', {y: TOP + 11}, view.cursor);
  view.x = x;
  svg.addEventListener('pointermove', e => {
    const seconds = (e.offsetX * width / svg.clientWidth - LEFT) / (width - LEFT - RIGHT) * end;
    showMoment(nearest(seconds));
  });
  svg.addEventListener('pointerleave', () => showMoment(-1));
  if (view.svg) view.svg.replaceWith(svg); else figure.append(svg);
  view.svg = svg;
}

function nearest(seconds) {
  let best = 0;
  data.time.forEach((t, i) => { if (Math.abs(t - seconds) < Math.abs(data.time[best] - seconds)) best = i; });
  return best;
}

// The label stands on that side of the line where there is more room.
function moveCursor(view, seconds) {
  const left = seconds < data.seconds / 2, label = view.cursor.lastChild;
  view.cursor.setAttribute('transform', `translate(${view.x(seconds)})`);
  label.textContent = seconds.toFixed(2) + ' s';
  label.setAttribute('x', left ? 5 : -5);
  label.setAttribute('text-anchor', left ? 'start' : 'end');
}

// Shows the values of sample `index` in every legend; -1: of none.
function showMoment(index) {
  for (const view of views) {
    view.cursor.style.visibility = index < 0 ? 'hidden' : 'visible';
    if (index >= 0) moveCursor(view, data.time[index]);
    view.chart.series.forEach((series, i) => {
      const value = index < 0 ? null : series.values[index];
      view.outputs[i].textContent = index < 0 ? '' : value === null ? '–' : view.chart.format(value);
    });
  }
}

const views = CHARTS.filter(chart => chart.always || data.hasServer)
    .map(chart => makeFigure(chart, document.getElementById('charts')));
views.forEach(draw);
addEventListener('resize', () => views.forEach(draw));
