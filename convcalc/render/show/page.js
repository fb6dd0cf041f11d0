"use strict";
// The page of one picture: what is read is worked out here for single windows, and read from the data for all else.
const data = JSON.parse(document.getElementById("data").textContent);
const TAPS = data.colours;
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const SVG = "http://www.w3.org/2000/svg";  // a name, never fetched
const $ = (id) => document.getElementById(id);
const product = (sizes) => sizes.reduce((a, b) => a * b, 1);
const times = (count, make) => Array.from({ length: count }, (_, n) => make(n));
const every = (sizes) => sizes.reduce((found, size) => found.flatMap((at) => times(size, (n) => [...at, n])), [[]]);
const flat = (at, sizes) => at.reduce((index, part, axis) => index * sizes[axis] + part, 0);

// ---------- the arithmetic of a window ----------

/* What torch refuses, in a sentence; nothing where the layer is one. */
function refusal(s) {
  for (const [name, least] of [["kernel", 1], ["stride", 1], ["dilation", 1], ["before", 0], ["after", 0]])
    if (s[name].some((value) => value < least)) return `${name} must be at least ${least}`;
  if (s.function) {
    if (s.before.some((p, a) => p * 2 > s.dilation[a] * (s.kernel[a] - 1) + 1)) return "the padding of a pool is at most half of its window";
  } else {
    if (s.channels % s.groups) return `the input's channels (${s.channels}) must be divisible by groups (${s.groups})`;
    if (s.out % s.groups) return `out_channels (${s.out}) must be divisible by groups (${s.groups})`;
  }
  if (s.transposed && s.output_padding.some((p, a) => p >= Math.max(s.stride[a], s.dilation[a]) && p > 0))
    return "output_padding must be smaller than the stride or the dilation";
  const sizes = outputs(s);
  if (!s.transposed && s.sizes.some((size, a) => size + s.before[a] + s.after[a] < span(s, a)))
    return `the kernel reaches over ${Math.max(...s.kernel.map((_, a) => span(s, a)))} positions, but the padded input has fewer`;
  if (sizes.some((size) => size < 1)) return `the output would have ${sizes.join(" x ")} positions`;
  return "";
}
const span = (s, axis) => s.dilation[axis] * (s.kernel[axis] - 1) + 1;

function outputs(s) {
  return s.sizes.map((size, a) => {
    if (s.transposed) return (size - 1) * s.stride[a] - s.before[a] - s.after[a] + span(s, a) + s.output_padding[a];
    const room = size + s.before[a] + s.after[a] - span(s, a);
    if (!s.ceil) return Math.floor(room / s.stride[a]) + 1;
    return Math.min(Math.ceil(room / s.stride[a]) + 1, Math.ceil((size + s.before[a]) / s.stride[a]));
  });
}

/* The canvas of one axis: the cells, which position lies on each, and which taps cover which cells at an output. */
function plane(s, axis, count) {
  const kernel = s.kernel[axis], dilation = s.dilation[axis], size = s.sizes[axis], spread = dilation * (kernel - 1);
  const spacing = s.transposed ? s.stride[axis] : 1, step = s.transposed ? 1 : s.stride[axis];
  const before = s.transposed ? spread - s.before[axis] : s.before[axis], ahead = Math.max(before, 0);
  const stretched = spacing * (size - 1) + 1, last = step * (count - 1) - before + spread;
  const length = ahead + Math.max(stretched, s.transposed ? 0 : stretched + s.after[axis], last + 1);
  return {
    length,
    position(cell) {
      const place = cell - ahead;
      return place >= 0 && place % spacing === 0 && place / spacing < size ? place / spacing : null;
    },
    covers(output) {
      return times(kernel, (n) => [step * output - before + ahead + dilation * n, s.transposed ? kernel - 1 - n : n]);
    },
  };
}

function layer(s) {
  const sizes = outputs(s), planes = s.sizes.map((_, a) => plane(s, a, sizes[a]));
  const groups = s.function ? s.channels : s.groups, out = s.function ? s.channels : s.out;
  const each = s.channels / groups, made = out / groups;
  const weights = s.function ? 0 : (s.channels * out / s.groups) * product(s.kernel);
  const channelsOf = (o) => times(each, (n) => Math.floor(o / made) * each + n);
  const weight = (o, c, tap) => s.function ? tap
    : s.transposed ? (c * made + (o % made)) * product(s.kernel) + tap
    : (o * each + (c % each)) * product(s.kernel) + tap;
  function under(at) {   // the cells under the kernel: [cell of each axis, tap]
    return planes.map((p, a) => p.covers(at[a])).reduce((found, axis, a) =>
      found.flatMap(([cells, tap]) => axis.map(([cell, t]) => [[...cells, cell], tap * s.kernel[a] + t])), [[[], 0]]);
  }
  function reads(o, at) {
    const found = [];
    for (const c of channelsOf(o))
      for (const [cells, tap] of under(at)) {
        const place = cells.map((cell, a) => planes[a].position(cell));
        if (!place.includes(null)) found.push([flat([c, ...place], [s.channels, ...s.sizes]), weight(o, c, tap), tap]);
      }
    return found;
  }
  const positions = s.transposed ? product(s.sizes) : product(sizes);
  return { sizes, planes, out, weights, channelsOf, under, reads, weight,
    params: weights + (s.bias && !s.function ? out : 0), macs: weights * positions };
}

// ---------- drawing ----------

const element = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};
const drawn = (tag, attributes = {}, text = "") => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  return node;
};

/* A sheet of cells: rows x columns, each cell with what it stands for. */
function sheet(title, rows, columns, cellOf) {
  const grid = element("div", { class: "grid", role: "grid", "aria-label": title });
  grid.style.gridTemplateColumns = `repeat(${columns}, auto)`;
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const { role, key, label, zero, text } = cellOf(y, x);
      const cell = element("div", { class: "cell" + (zero ? " zero" : ""), role: "gridcell", tabindex: "-1", "aria-label": label });
      Object.assign(cell.dataset, { role, key, y, x });
      cell.textContent = cell.dataset.text = text || "";
      grid.append(cell);
    }
  if (grid.firstChild) grid.firstChild.tabIndex = 0;
  return element("div", { class: "sheet" }, element("span", {}, title), grid);
}

function map(title, sheets) {
  return element("section", { class: "map" }, element("h3", {}, title), element("div", { class: "sheets" }, ...sheets));
}

/* Leading axes of positions become sheets of their own, the last two a grid. */
function slices(sizes) {
  const [high, wide] = [1, 1, ...sizes].slice(-2);
  return { leads: every(sizes.slice(0, -2)), high, wide, at: (lead, y, x) => sizes.length > 1 ? [...lead, y, x] : sizes.length ? [x] : [] };
}

let table = null;      // the maps of a block, as they are drawn now
let state = null;      // {settings, layer} of a window
let kept = false;      // a click keeps what is lit

function drawWindow(s) {
  const l = layer(s);
  state = { s, l };
  const canvas = slices(l.planes.map((p) => p.length)), result = slices(l.sizes), kernel = slices(s.kernel);
  const shownIn = Math.min(s.channels, data.sheets), shownOut = Math.min(l.out, data.sheets);
  const name = (lead) => lead.length ? `, slice ${lead.join(",")}` : "";
  const inputs = times(shownIn, (c) => canvas.leads.map((lead) => sheet(`channel ${c}${name(lead)}`, canvas.high, canvas.wide, (y, x) => {
    const at = canvas.at(lead, y, x), place = at.map((cell, a) => l.planes[a].position(cell)), zero = place.includes(null);
    const key = zero ? "" : flat([c, ...place], [s.channels, ...s.sizes]);
    return { role: zero ? "zero" : "input", key, zero, text: zero && s.function !== "max" ? "0" : "", label: zero ? "padding or a zero" : `input channel ${c} at ${place.join(",")}` };
  }))).flat();
  const outs = times(shownOut, (o) => result.leads.map((lead) => sheet(`channel ${o}${name(lead)}`, result.high, result.wide, (y, x) => {
    const at = result.at(lead, y, x);
    return { role: "output", key: flat([o, ...at], [l.out, ...l.sizes]), label: `output channel ${o} at ${at.join(",")}` };
  }))).flat();
  const taps = s.function ? kernel.leads.map((lead) => tapSheet("window", 0, 0, lead)) :
    times(shownOut, (o) => l.channelsOf(o).filter((c) => c < shownIn).map((c) => kernel.leads.map((lead) => tapSheet(`from channel ${c} to ${o}${name(lead)}`, o, c, lead)))).flat(2);
  function tapSheet(title, o, c, lead) {
    return sheet(title, kernel.high, kernel.wide, (y, x) => {
      const at = kernel.at(lead, y, x), tap = flat(at, s.kernel);
      return { role: "weight", key: l.weight(o, c, tap), text: LETTERS[tap] || "#", label: `${s.function ? "place" : "weight"} ${at.join(",")} ${title}` };
    });
  }
  const more = (shown, all) => shown < all ? ` (${shown} of ${all} channels)` : "";
  const taken = s.transposed ? "the input, stretched and padded" : "the input" + (l.planes.some((p, a) => p.length > s.sizes[a]) ? ", padded" : "");
  $("maps").replaceChildren(map(taken + more(shownIn, s.channels), inputs), map(s.function ? "the window" : "weights", taps), map("the output" + more(shownOut, l.out), outs));
  formulas(s, l);
  lines(s, l);
  matrix(s, l);
  light({ role: "output", key: flat(l.sizes.map((size) => Math.floor(size / 2)), l.sizes) });
}

function drawTable(view) {
  table = view;
  const maps = view.inputs.map((input, n) => {
    const part = slices(input.sizes);
    return map(input.name, times(Math.min(input.channels, data.sheets), (c) => part.leads.map((lead) => sheet(input.title || `channel ${c}`, part.high, part.wide, (y, x) => {
      const at = part.at(lead, y, x);
      return { role: "input", key: `${n}:${flat([c, ...at], [input.channels, ...input.sizes])}`, label: `${input.name} channel ${c} at ${at.join(",")}` };
    }))).flat());
  });
  const outs = view.outputs.map((output, n) => {
    const part = slices(output.sizes);
    return map(output.name, output.channels_shown.map(([c, title]) => part.leads.map((lead) => sheet(title, part.high, part.wide, (y, x) => {
      const at = part.at(lead, y, x);
      return { role: "output", key: `${n}:${flat([c, ...at], [output.channels, ...output.sizes])}`, label: `${output.name} ${title} at ${at.join(",")}` };
    }))).flat());
  });
  $("maps").replaceChildren(...maps, ...outs);
  const first = view.outputs[0];
  const middle = `0:${first.channels_shown[0][0] * product(first.sizes) + flat(first.sizes.map((size) => Math.floor(size / 2)), first.sizes)}`;
  light({ role: "output", key: middle in view.reads ? middle : Object.keys(view.reads)[0] });
}

const runs = (list) => list.flatMap(([start, count]) => times(count, (n) => start + n));

/* What is lit for an output, an input or a weight: pairs of an output, an input, and the tap between. */
function pairs(role, key) {
  if (data.mode === "window") {
    const { s, l } = state, found = [], whole = [l.out, ...l.sizes];
    for (const at of every(whole)) {
      const o = flat(at, whole);
      if (role === "output" && o !== +key) continue;
      for (const [input, weight, tap] of l.reads(at[0], at.slice(1)))
        if (role === "output" || (role === "input" && input === +key) || (role === "weight" && weight === +key)) found.push([o, input, tap, weight]);
    }
    return found;
  }
  const found = [];
  for (const [output, sources] of Object.entries(table.reads)) {
    if (role === "output" && output !== key) continue;
    sources.forEach((list, n) => { for (const element of runs(list)) if (role === "output" || key === `${n}:${element}`) found.push([output, `${n}:${element}`, null, null]); });
  }
  return found;
}

function light({ role, key }) {
  const found = pairs(role, key);
  const inputs = new Map(), outs = new Map(), weights = new Map();
  for (const [o, i, tap, weight] of found) { inputs.set(String(i), tap); outs.set(String(o), tap); if (weight !== null) weights.set(String(weight), tap); }
  const own = role === "output" ? String(key) : null;
  const covered = data.mode === "window" && role === "output" ? coveredZeros(+key) : new Map();
  for (const cell of document.querySelectorAll(".cell")) {
    const { role: kind, key: mine, text } = cell.dataset;
    cell.classList.remove("lit", "unit");
    cell.style.background = "";
    cell.textContent = text;
    const table = { input: inputs, output: outs, weight: weights }[kind];
    if (kind === "output" && mine === own) { cell.classList.add("unit"); continue; }
    if (kind === "output" && role === "output") continue;
    if (table && table.has(mine)) paint(cell, table.get(mine), kind !== "output");
    if (kind === "zero" && covered.has(cell)) paint(cell, covered.get(cell), false);
    if (kind !== "output" && kind === role && mine === String(key) && kind !== "weight") cell.classList.add("unit");
  }
  $("selection").textContent = sentence(role, key, found);
  $("selection").dataset.pairs = JSON.stringify(found.map(([o, i, , w]) => [o, i, w]));
  for (const row of document.querySelectorAll("[data-row]")) row.style.display = outs.has(row.dataset.row) ? "" : "none";
  for (const line of document.querySelectorAll("svg .link")) line.classList.toggle("on", role === "output" && line.dataset.output === lastAxis(key));
}
const lastAxis = (key) => data.mode === "window" ? String(+key % (state.l.sizes.at(-1) || 1)) : "";

function paint(cell, tap, letter) {
  cell.classList.add("lit");
  cell.style.background = tap === null ? "var(--lit)" : TAPS[tap % TAPS.length];
  if (letter && tap !== null) cell.textContent = LETTERS[tap] || "#";
}

function coveredZeros(key) {
  const { s, l } = state, sizes = [l.out, ...l.sizes], at = [];
  if (s.function === "max") return new Map();   // a maximum never takes padding
  let rest = key;
  for (const size of [...sizes].reverse()) { at.unshift(rest % size); rest = Math.floor(rest / size); }
  const under = new Map(l.under(at.slice(1)).map(([cells, tap]) => [cells.join(), tap])), found = new Map();
  const canvas = slices(l.planes.map((p) => p.length)), channels = l.channelsOf(at[0]);
  const grids = document.querySelectorAll("#maps > .map:first-child .grid");
  let n = 0;
  for (let c = 0; c < Math.min(s.channels, data.sheets); c++)
    for (const lead of canvas.leads) {
      const grid = grids[n++];
      if (!channels.includes(c)) continue;
      for (const cell of grid.children) {
        const place = canvas.at(lead, +cell.dataset.y, +cell.dataset.x).join();
        if (cell.dataset.role === "zero" && under.has(place)) found.set(cell, under.get(place));
      }
    }
  return found;
}

function sentence(role, key, found) {
  const count = new Set(found.map(([o, i]) => (role === "output" ? i : o))).size;
  const cell = document.querySelector(`.cell[data-role="${role}"][data-key="${key}"]`);
  const label = cell ? cell.getAttribute("aria-label") : `${role} ${key}`;
  const so = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  if (role === "output") return `${label} reads ${so(count, "element")} of the input`;
  if (role === "input") return `${label} is read by ${so(count, "output")}`;
  return `${label} works ${so(found.length, "time")}: that is weight sharing`;
}

// ---------- formulas, lines, matrix ----------

function formulas(s, l) {
  const rank = s.sizes.length, axes = ["D", "H", "W"].slice(-rank), per = (list) => new Set(list).size === 1 ? String(list[0]) : list.join("x");
  const rows = axes.map((axis, a) => {
    const [n, k, st, d, p] = [s.sizes[a], s.kernel[a], s.stride[a], s.dilation[a], s.before[a] + s.after[a]];
    return [`${axis}_out`, s.transposed
      ? `(n - 1) s - 2 p + d (k - 1) + 1 + output_padding = (${n} - 1)*${st} - ${p} + ${d}*(${k} - 1) + 1 + ${s.output_padding[a]} = ${l.sizes[a]}`
      : `${s.ceil ? "ceil" : "floor"}((n + 2 p - d (k - 1) - 1)/s) + 1 = ${s.ceil ? "ceil" : "floor"}((${n} + ${p} - ${d}*(${k} - 1) - 1)/${st}) + 1 = ${l.sizes[a]}`];
  });
  if (!s.function) {
    const positions = s.transposed ? s.sizes : l.sizes;
    rows.push(["weights", `C_in C_out k^${rank}/g = ${s.channels}*${l.out}*${product(s.kernel)}/${s.groups} = ${l.weights}`]);
    rows.push(["params", s.bias ? `weights + C_out = ${l.weights} + ${l.out} = ${l.params}` : `${l.params} (no bias)`]);
    rows.push(["MACs", `weights ${s.transposed ? "x input" : "x output"} positions = ${l.weights}*${positions.join("*")} = ${l.macs}`]);
  }
  rows.push(["field", s.transposed ? `at most floor(d (k - 1)/s) + 1 = ${per(s.kernel.map((k, a) => Math.floor(s.dilation[a] * (k - 1) / s.stride[a]) + 1))}`
    : `d (k - 1) + 1 = ${per(s.kernel.map((_, a) => span(s, a)))}, jump ${per(s.stride)}`]);
  $("formulas").replaceChildren(...rows.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
}

/* One axis: positions above, outputs below, a line for each tap that joins them, and how many arrive. */
function lines(s, l) {
  const axis = s.sizes.length - 1, size = s.sizes[axis], count = l.sizes[axis];
  $("lines-part").hidden = size > 40 || count > 60;
  if ($("lines-part").hidden) return;
  const step = 26, wide = Math.max(size, count) * step + 40, x = (n, all) => 20 + (wide - 40) * (n + 0.5) / all;
  const picture = drawn("svg", { width: wide, height: 130, viewBox: `0 0 ${wide} 130`, role: "img", "aria-label": "lines from inputs to outputs" });
  const arrivals = times(count, () => 0);
  for (let o = 0; o < count; o++)
    for (const [cell, tap] of l.planes[axis].covers(o)) {
      const place = l.planes[axis].position(cell);
      if (place === null) continue;
      arrivals[o] += 1;
      const line = drawn("line", { class: "link", x1: x(place, size), y1: 22, x2: x(o, count), y2: 92 });
      line.dataset.output = o;
      picture.append(line);
    }
  for (let i = 0; i < size; i++) picture.append(drawn("circle", { cx: x(i, size), cy: 18, r: 6, class: "node" }));
  for (let o = 0; o < count; o++) picture.append(drawn("circle", { cx: x(o, count), cy: 96, r: 6, class: "node" }), drawn("text", { x: x(o, count), y: 122, "text-anchor": "middle", class: "count" }, String(arrivals[o])));
  $("lines").replaceChildren(picture);
  $("lines").dataset.counts = arrivals.join(" ");
}

function matrix(s, l) {
  const rows = product([l.out, ...l.sizes]), columns = product([s.channels, ...s.sizes]);
  $("matrix-part").hidden = Boolean(s.function === "max") || rows * columns > 20000;
  if ($("matrix-part").hidden) return;
  const side = Math.max(3, Math.min(10, Math.floor(560 / Math.max(rows, columns))));
  const picture = drawn("svg", { width: columns * side + 2, height: rows * side + 2, viewBox: `-1 -1 ${columns * side + 2} ${rows * side + 2}`, role: "img", "aria-label": "the matrix of the layer" });
  picture.append(drawn("rect", { x: 0, y: 0, width: columns * side, height: rows * side, class: "node" }));
  let entries = 0;
  for (const at of every([l.out, ...l.sizes])) {
    const row = flat(at, [l.out, ...l.sizes]), mark = drawn("rect", { class: "row", x: 0, y: row * side, width: columns * side, height: side });
    mark.dataset.row = row;
    picture.append(mark);
    for (const [input, , tap] of l.reads(at[0], at.slice(1))) {
      entries += 1;
      picture.append(drawn("rect", { class: "entry", x: input * side, y: row * side, width: side - 0.5, height: side - 0.5, style: `fill:${TAPS[tap % TAPS.length]}` }));
    }
  }
  $("matrix").replaceChildren(picture);
  $("matrix-title").textContent = s.transposed ? "As a matrix: the transpose of a convolution's" : "As a matrix";
  $("matrix-words").textContent = `${rows} rows (outputs) x ${columns} columns (inputs), ${entries} entries that are not zero, ${l.weights || s.kernel.reduce((a, b) => a * b, 1)} different ones.` +
    (s.transposed ? " The grid above is the same layer over a stretched input: both light the same inputs." : "");
}

// ---------- settings ----------

function sliders(s) {
  const fields = [["size", "input size", 1, Math.max(12, ...s.sizes)], ["channels", "channels in", 1, Math.max(8, s.channels)]];
  if (!s.function) fields.push(["out", "channels out", 1, Math.max(8, s.out)], ["groups", "groups", 1, Math.max(8, s.channels)]);
  fields.push(["kernel", "kernel k", 1, Math.max(7, ...s.kernel)], ["stride", "stride s", 1, 4], ["padding", "padding p", 0, Math.max(4, ...s.before)], ["dilation", "dilation d", 1, Math.max(4, ...s.dilation)]);
  if (s.function === "avg") fields.pop();
  if (s.transposed) fields.push(["output_padding", "output padding", 0, 3]);
  const value = { size: s.sizes[0], channels: s.channels, out: s.out, groups: s.groups, kernel: s.kernel[0], stride: s.stride[0], padding: s.before[0], dilation: s.dilation[0], output_padding: s.output_padding[0] };
  for (const [name, title, least, most] of fields) {
    const shown = element("output", {}, String(value[name])), range = element("input", { type: "range", name, min: least, max: most, step: 1, value: value[name], "aria-label": title });
    range.addEventListener("input", () => { shown.textContent = range.value; redraw({ ...current(), [name]: +range.value }); });
    $("settings").append(element("label", {}, element("span", {}, `${title} `, shown), range));
  }
}
const current = () => Object.fromEntries([...$("settings").elements].map((field) => [field.name, +field.value]));

/* Settings as the sliders have them: one number for all axes. */
function settingsOf(values) {
  const s = structuredClone(data.settings), all = (value) => s.sizes.map(() => value);
  for (const [name, value] of Object.entries(values)) {
    if (name === "size") s.sizes = all(value);
    else if (name === "padding") { s.before = all(value); s.after = all(value); }
    else if (["kernel", "stride", "dilation", "output_padding"].includes(name)) s[name] = all(value);
    else s[name] = value;
  }
  return s;
}

function redraw(values) {
  const s = settingsOf(values), why = refusal(s);
  $("refusal").textContent = why;
  if (!why) drawWindow(s);
}

function variants() {
  for (const [name, argument] of Object.entries(data.arguments)) {
    const field = element("select", { name, "aria-label": name });
    for (const option of Object.keys(argument.options)) field.append(element("option", option === argument.value ? { value: option, selected: "" } : { value: option }, option));
    field.addEventListener("change", () => {
      for (const other of $("settings").elements) if (other !== field) other.value = data.arguments[other.name].value;
      showVariant(argument.options[field.value]);
    });
    $("settings").append(element("label", {}, element("span", {}, name), field));
  }
}

function showVariant(variant) {
  $("refusal").textContent = variant.error || "";
  if (variant.error) return;
  if (variant.maps) drawTable(data.maps[variant.maps - 1]);
  $("formulas").replaceChildren(...Object.entries(variant.numbers).flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
  if (variant.graph) { $("graph").innerHTML = data.graphs[variant.graph - 1]; $("graph-part").hidden = false; }
}

// ---------- hands on ----------

document.addEventListener("pointerover", (event) => {
  const cell = event.target.closest?.(".cell");
  if (cell && !kept && cell.dataset.key !== "") light(cell.dataset);
});
document.addEventListener("click", (event) => {
  const cell = event.target.closest?.(".cell");
  kept = Boolean(cell) && !kept;
  if (cell && cell.dataset.key !== "") light(cell.dataset);
});
document.addEventListener("focusin", (event) => {
  const cell = event.target.closest?.(".cell");
  if (cell && cell.dataset.key !== "") light(cell.dataset);
});
document.addEventListener("keydown", (event) => {
  const cell = event.target.closest?.(".cell"), step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!cell || !step) return;
  const next = cell.parentNode.querySelector(`[data-y="${+cell.dataset.y + step[0]}"][data-x="${+cell.dataset.x + step[1]}"]`);
  event.preventDefault();
  if (!next) return;
  cell.tabIndex = -1; next.tabIndex = 0; next.focus();
});

if (data.mode === "window") { sliders(data.settings); drawWindow(data.settings); }
else { variants(); showVariant(data.base); }
if (data.mode === "window" && data.graphs.length) { $("graph").innerHTML = data.graphs[0]; }
window.convcalc = { layer, refusal, settingsOf, outputs };
