const MOODS = ["Calm", "Energetic", "Happy", "Sad"];
const ALL = [...MOODS, "Unlabelled"];
const SIGNS = { Calm: "○", Energetic: "▲", Happy: "●", Sad: "▽", Unlabelled: "·" };
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/** Rows come with their columns said once. */
const unpack = (_, value) => value && value.columns && value.rows ? value.rows.map((row) => Object.fromEntries(row.map((one, at) => [value.columns[at], one]))) : value;
const DATA = JSON.parse(document.getElementById("data").textContent, unpack);
const charts = [];
const number = new Intl.NumberFormat("en");

const plural = (count, word) => `${number.format(count)} ${word}${count === 1 ? "" : "s"}`;
const percent = (part, whole) => (whole ? `${Math.round((100 * part) / whole)} %` : "–");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const colour = (mood) => css(mood.toLowerCase());

/** An element with attributes and children; text is always text. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const sign = (mood) => el("span", { class: `sign ${mood}`, "aria-hidden": "true" }, SIGNS[mood]);
const bdi = (text) => el("bdi", { title: text }, text);
const sum = (values) => values.reduce((total, value) => total + value, 0);
const dayCount = (day, mood) => (day && day[mood[0]]) || 0;
const dayTotal = (day) => sum(ALL.map((mood) => dayCount(day, mood)));

/** The mood that leads a count by mood; the first by name where they tie, as in the views; null without one. */
function leading(counts) {
  let best = null;
  for (const mood of MOODS) if ((counts[mood] || 0) > (best ? counts[best] : 0)) best = mood;
  return best;
}

function sumByMood(rows) {
  const totals = Object.fromEntries(ALL.map((mood) => [mood, 0]));
  for (const row of rows) totals[row.mood] += row.listens;
  return totals;
}

function legend(moods = ALL) {
  return el("ul", { class: "legend" }, ...moods.map((mood) => el("li", {}, sign(mood), mood.toLowerCase())));
}

function table(caption, header, rows) {
  const numeric = header.map((_, index) => rows.length > 0 && typeof rows[0][index] === "number");
  const line = (tag, values) =>
    el("tr", {}, ...values.map((value, index) =>
      el(tag, { class: numeric[index] ? "n" : undefined, scope: tag === "th" ? "col" : undefined },
        typeof value === "number" ? number.format(value) : el("bdi", {}, String(value ?? "")))));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("caption", { class: "hidden" }, caption), el("thead", {}, line("th", header)),
      el("tbody", {}, ...rows.map((row) => line("td", row)))));
}

/** The SQL of a question with this person's and period's values in it. */
function query(name, person, period) {
  const quoted = (value) => `'${value.replaceAll("'", "''")}'`;
  const values = { ":user": quoted(person.user_id), ":first": quoted(period.first), ":last": quoted(period.last) };
  return DATA.questions[name].sql.replace(/:(user|first|last)\b/g, (found) => values[found]);
}

/** A section with what every one has: heading, finding, content, the numbers as a table, and the query behind them. */
function section(id, title, finding, { wide = false, tools = null, content = [], numbers = null, from = [] }, state) {
  const card = el("section", { id, class: wide ? "wide" : undefined, "aria-labelledby": `${id}-title` },
    el("div", { class: "head" }, el("h2", { id: `${id}-title` }, title), tools), el("p", { class: "finding" }, finding), ...content);
  if (numbers && numbers.rows.length) {
    const holder = el("details", {}, el("summary", {}, `${title} as a table`));
    holder.addEventListener("toggle", () => {
      if (holder.children.length === 1) holder.append(table(title, numbers.header, numbers.rows));
    });
    card.append(holder);
  }
  for (const name of from) {
    card.append(el("details", {}, el("summary", {}, `From ${DATA.questions[name].view}: the query for ${name}`),
      el("pre", { tabindex: "0" }, query(name, state.person, state.period))));
  }
  return card;
}

/** A place for a chart, drawn once it stands in the page; arrow keys go from value to value. */
function chart(id, label, height, option, count = 0, describe = null) {
  const place = el("div", { class: "chart", id: `${id}-chart`, role: "img", "aria-label": label, tabindex: count ? "0" : undefined });
  place.style.height = `${height}px`;
  charts.push({ place, option, count, describe, drawn: null, at: -1 });
  return place;
}

function drawCharts() {
  for (const one of charts) {
    one.drawn = echarts.init(one.place, null, { renderer: "canvas" });
    one.drawn.setOption({ animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: css("soft") }, ...one.option(one.place.clientWidth) });
    if (one.count) one.place.addEventListener("keydown", (event) => walk(one, event));
  }
}

function walk(one, event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  one.at = (one.at + step + one.count) % one.count;
  one.drawn.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: one.at });
  if (one.describe) document.getElementById("live").textContent = one.describe(one.at);
}

function tooltip(lines) {
  return {
    confine: true, backgroundColor: css("card"), borderColor: css("line"), textStyle: { color: css("ink") },
    formatter: (found) => el("div", { class: "tip" }, ...lines(found).map((text) => el("div", {}, text))),
  };
}

/** A mood's sign as shapes around (x, y), for canvas. */
function glyph(mood, x, y, size, ink) {
  const r = size / 2;
  if (mood === "Calm") return { type: "circle", silent: true, shape: { cx: x, cy: y, r: r * 0.8 }, style: { fill: "none", stroke: ink, lineWidth: Math.max(1, size / 7) } };
  if (mood === "Happy") return { type: "circle", silent: true, shape: { cx: x, cy: y, r: r * 0.75 }, style: { fill: ink } };
  if (mood === "Unlabelled") return { type: "circle", silent: true, shape: { cx: x, cy: y, r: r * 0.25 }, style: { fill: ink } };
  const up = mood === "Energetic" ? 1 : -1;
  const points = [[x, y - r * up], [x + r, y + r * 0.8 * up], [x - r, y + r * 0.8 * up]];
  return { type: "polygon", silent: true, shape: { points }, style: up > 0 ? { fill: ink } : { fill: "none", stroke: ink, lineWidth: Math.max(1, size / 7) } };
}
const inkOn = (mood) => (mood === "Sad" && document.documentElement.dataset.look !== "dark" ? "#fff" : "#111");
