"use strict";
const { steps, curves } = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);
const count = (n) => Math.round(n).toLocaleString("en");

/* ---- samples over time ---- */
const time = by("time");
if (time) {
  const play = by("play");
  let timer = null;
  const show = () => {
    const step = steps[Number(time.value)];
    by("snapshot").src = step.src;
    by("seen").textContent = `after ${count(step.samples_seen)} samples seen`;
    time.setAttribute("aria-valuetext", by("seen").textContent);
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play the training");
  };
  const advance = () => {
    time.value = Number(time.value) + 1;
    show();
    if (Number(time.value) === steps.length - 1) stop();
  };
  const start = () => {
    if (Number(time.value) === steps.length - 1) time.value = 0;
    show();
    timer = setInterval(advance, Math.max(120, 6000 / steps.length));
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
  };
  time.addEventListener("input", () => { stop(); show(); });
  play.addEventListener("click", () => (timer ? stop() : start()));
  show();
}

/* ---- curves ---- */
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 230, LEFT = 52, RIGHT = 10, TOP = 10, BOTTOM = 24;

function element(parent, name, attributes = {}, text = "") {
  const made = parent.namespaceURI === SVG || name === "svg"
    ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return parent.appendChild(made);
}

/* Exponential mean whose start is not pulled towards zero; gaps stay gaps. */
function smoothed(values, weight) {
  let mean = 0, mass = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return mean / mass;
  });
}

function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(1);
  return size >= 1000 ? count(value) : String(Number(value.toPrecision(3)));
}

function shortCount(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  return value >= 1e3 ? `${Number((value / 1e3).toPrecision(3))}k` : String(value);
}

/* Round values that part [low, high] into about `n` steps. */
function ticks(low, high, n) {
  const rough = (high - low) / n || 1, unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((m) => m * unit >= rough);
  const found = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + step * 1e-9; t += step) found.push(Math.abs(t) < step * 1e-9 ? 0 : t);
  return found;
}

/* Exponents of 1, 10, 100 …, or of 1, 2, 5, 10 … where that leaves too few. */
function logTicks(low, high) {
  const within = (marks) => {
    const found = [];
    for (let e = Math.floor(low); e <= high; e++) found.push(...marks.map((m) => e + Math.log10(m)));
    return found.filter((t) => t >= low && t <= high);
  };
  return [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8]].map(within).find((found) => found.length > 2) || ticks(low, high, 4);
}

/* The middle 99.5 % of all values, so that one spike at the start does not flatten the rest. */
function range(values) {
  const sorted = values.filter((v) => v !== null).sort((a, b) => a - b);
  if (!sorted.length) return [0, 1];
  const cut = sorted.length > 200 ? Math.floor(sorted.length * 0.0025) : 0;
  const low = sorted[cut], high = sorted[sorted.length - 1 - cut];
  const pad = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - pad, high + pad];
}

function path(xs, ys, X, Y) {
  let d = "", pen = false;
  ys.forEach((y, i) => {
    if (y === null) { pen = false; return; }
    const alone = !pen && (i + 1 === ys.length || ys[i + 1] === null);
    d += `${pen ? "L" : "M"}${X(xs[i]).toFixed(1)},${Y(y).toFixed(1)}${alone ? "h.1" : ""}`;
    pen = true;
  });
  return d;
}

function card(parent, chart) {
  const root = element(parent, "div", { class: "chart" });
  element(root, "h3", {}, chart.title);
  if (chart.note) element(root, "p", {}, chart.note);
  const svg = element(root, "svg", { role: "img", "aria-label": `${chart.title} over samples seen` });
  const legend = element(root, "div", { class: "legend" });
  return { root, svg, legend, chart };
}

function draw({ svg, legend, chart }, smoothing, wantsLog) {
  const weight = chart.x ? 0 : smoothing; /* what is measured rarely is shown as it is */
  const xs = chart.x ?? curves.x, names = Object.keys(chart.curves);
  const width = svg.clientWidth || 440;
  const all = Object.values(chart.curves).flat();
  const log = wantsLog && all.every((v) => v === null || v > 0);
  const scale = (v) => (log ? Math.log10(v) : v);
  const [low, high] = range(all.map((v) => (v === null ? null : scale(v))));
  const first = xs[0], last = xs[xs.length - 1];
  const X = (x) => LEFT + ((x - first) / (last - first || 1)) * (width - LEFT - RIGHT);
  const Y = (v) => TOP + (1 - (scale(v) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const id = `clip-${chart.title.replace(/\W+/g, "-")}`;
  element(element(svg, "clipPath", { id }), "rect", { x: LEFT, y: 0, width: width - LEFT - RIGHT + 2, height: HEIGHT - BOTTOM + 1 });
  for (const t of log ? logTicks(low, high) : ticks(low, high, 5)) {
    const y = Y(log ? 10 ** t : t);
    element(svg, "line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: y, y2: y });
    element(svg, "text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, number(log ? 10 ** t : t));
  }
  for (const t of ticks(first, last, Math.max(2, Math.floor(width / 110))))
    element(svg, "text", { x: X(t), y: HEIGHT - 6, "text-anchor": "middle" }, shortCount(t));
  const plot = element(svg, "g", { "clip-path": `url(#${id})` });
  for (const band of curves.bands ?? []) {
    const from = Math.max(X(band.begin), LEFT), to = Math.min(X(Math.min(band.end, last)), width - RIGHT);
    if (to < from) continue;
    const group = element(plot, "g", { class: `band ${band.severity}` });
    element(group, "title", {}, `${band.name}: ${band.words}`);
    element(group, "rect", { x: from, y: TOP, width: Math.max(to - from, 1.5), height: HEIGHT - TOP - BOTTOM });
    element(group, "line", { x1: from, x2: from, y1: TOP, y2: HEIGHT - BOTTOM });
    element(group, "text", { x: from + 3, y: TOP + 10 + 11 * band.row }, band.letter);
  }
  const shown = names.map((name, i) => {
    const raw = chart.curves[name], smooth = smoothed(raw, weight), stroke = `var(--c${i % 7})`;
    if (weight > 0) element(plot, "path", { class: "raw", stroke, d: path(xs, raw, X, Y) });
    element(plot, "path", { class: "curve", stroke, d: path(xs, smooth, X, Y) });
    return smooth;
  });
  if (xs.includes(chart.marked)) {
    element(svg, "line", { class: "mark", x1: X(chart.marked), x2: X(chart.marked), y1: TOP, y2: HEIGHT - BOTTOM });
    const left = X(chart.marked) > width / 2;
    element(svg, "text", { x: X(chart.marked) + (left ? -5 : 5), y: TOP + 12, "text-anchor": left ? "end" : "start" }, "best");
  }
  const hair = element(svg, "line", { class: "hair", y1: TOP, y2: HEIGHT - BOTTOM });
  const read = (i) => {
    legend.replaceChildren();
    names.forEach((name, k) => {
      const entry = element(legend, "span", { style: `--key:var(--c${k % 7})` }, `${name} `);
      element(entry, "b", {}, number(shown[k][i]));
    });
    element(legend, "span", { style: "--key:transparent" }, `at ${count(xs[i])}`);
  };
  svg.onpointermove = (event) => {
    const at = first + ((event.offsetX - LEFT) / (width - LEFT - RIGHT)) * (last - first);
    let i = xs.findIndex((x) => x >= at);
    if (i < 0) i = xs.length - 1;
    if (i > 0 && at - xs[i - 1] < xs[i] - at) i -= 1;
    hair.setAttribute("x1", X(xs[i]));
    hair.setAttribute("x2", X(xs[i]));
    hair.style.visibility = "visible";
    read(i);
  };
  svg.onpointerleave = () => { hair.style.visibility = "hidden"; read(xs.length - 1); };
  read(xs.length - 1);
}

if (curves.charts.length) {
  const cards = curves.charts.map((chart) => card(by("charts"), chart));
  const redraw = () => cards.forEach((one) => draw(one, Number(by("smooth").value), by("log").checked));
  by("smooth").addEventListener("input", redraw);
  by("log").addEventListener("change", redraw);
  new ResizeObserver(redraw).observe(by("charts"));
}

/* ---- copy buttons; a page opened from a file may have no clipboard, then the text is selected ---- */
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
