const MOODS = ["Calm", "Energetic", "Happy", "Sad"];
const ALL = [...MOODS, "Unlabelled"];
const SIGNS = { Calm: "○", Energetic: "▲", Happy: "●", Sad: "▽", Unlabelled: "·" };
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/** Rows as objects: the data contains the column names once. */
const unpack = (_, value) => value && value.columns && value.rows ? value.rows.map((row) => Object.fromEntries(row.map((one, at) => [value.columns[at], one]))) : value;
let DATA;

async function readData() {
  const { type, textContent } = document.getElementById("data");
  if (type === "application/json") return JSON.parse(textContent, unpack);
  const bytes = Uint8Array.from(atob(textContent), (one) => one.charCodeAt(0));
  return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text(), unpack);
}
const charts = [];
/** Thousands are separated by a narrow space, which has the same meaning in every country. */
const number = { format: (value) => new Intl.NumberFormat("en").format(value).replaceAll(",", "\u202f") };
const LONG_NAME = 120;

const plural = (count, word) => `${number.format(count)} ${word}${count === 1 ? "" : "s"}`;
const percent = (part, whole) => (whole ? `${Math.round((100 * part) / whole)}%` : "–");
const MONTH_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** A day, month or year for people, without line breaks: 24 Nov 2026, Nov 2026, 2026. */
const written = (day) => { const [year, month, date] = day.split("-"); return [date && Number(date), month && MONTH_NAMES[month - 1], year].filter(Boolean).join("\u00a0"); };
/** A range of days without repeated parts: 2–7 Nov 2026, 25 Sep – 24 Nov 2026. */
function spanned(first, last) {
  if (first === last) return written(first);
  if (first.slice(0, 7) === last.slice(0, 7)) return `${Number(first.slice(8))}–${written(last)}`;
  return `${first.slice(0, 4) === last.slice(0, 4) ? written(first).slice(0, -5) : written(first)}\u00a0– ${written(last)}`;
}
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
/** A name as text, isolated from the direction of the surrounding text; a long one can be expanded. */
function bdi(text) {
  const letters = Array.from(text);
  if (letters.length <= LONG_NAME) return el("bdi", {}, text);
  return el("details", { class: "long" }, el("summary", {}, el("bdi", { class: "shut" }, `${letters.slice(0, LONG_NAME / 2).join("")}…`), el("span", { class: "shut hint" }, " more"), el("span", { class: "open hint" }, "less")), el("bdi", {}, text));
}
const sum = (values) => values.reduce((total, value) => total + value, 0);
const dayCount = (day, mood) => (day && day[mood[0]]) || 0;
const dayTotal = (day) => sum(ALL.map((mood) => dayCount(day, mood)));

/** The most frequent mood; ties go to the first by name, as in the views; null without one. */
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

/** A track's title; one without a visible character would be an empty link. */
const titled = ({ track }) => (/[^\s\p{C}\u115f\u1160\u2800\u3164\uffa0]/u.test(track) ? track : "(untitled)");

/** A track's name, as a link to Spotify if its id is one of Spotify's. */
function trackName(row) {
  const name = bdi(titled(row));
  if (!/^[0-9A-Za-z]{22}$/.test(row.track_id) || name.tagName !== "BDI") return name;
  return el("a", { href: `https://open.spotify.com/track/${row.track_id}`, target: "_blank", rel: "noopener noreferrer" }, name);
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

/** The SQL of a query with the values of this person and period. */
function query(name, person, period) {
  const quoted = (value) => `'${value.replaceAll("'", "''")}'`;
  const values = { ":user": quoted(person.user_id), ":first": quoted(period.first), ":last": quoted(period.last) };
  return DATA.questions[name].sql.replace(/:(user|first|last)\b/g, (found) => values[found]);
}

const oneOrMore = (list, one, more) => (list.length > 1 ? more : one);

/** The collapsed part below each picture: its numbers as tables, and the SQL queries. */
function foot(title, numbers, from, state) {
  const tables = numbers.filter((one) => one.rows.length);
  const views = [...new Set(from.map((name) => DATA.questions[name].view))];
  const queries = tables.length ? `${oneOrMore(tables, "Table", "Tables")} and ${oneOrMore(from, "query", "queries")}` : oneOrMore(from, "Query", "Queries");
  const holder = el("details", { class: "foot" }, el("summary", {}, `${queries}: ${views.join(", ")}`));
  holder.addEventListener("toggle", () => {
    if (holder.children.length > 1) return;
    const words = (one) => one.caption || title;
    holder.append(...tables.flatMap((one) => [el("p", { class: "what" }, words(one)), table(words(one), one.header, one.rows)]));
    for (const name of from) {
      const { view } = DATA.questions[name];
      holder.append(el("p", { class: "what" }, `${view}${from.length > 1 && name !== view ? `: ${name}` : ""}`),
        el("pre", { tabindex: "0", "aria-label": `Query of ${view}`, "data-question": name }, query(name, state.person, state.period)));
    }
  });
  return holder;
}

/** A section: heading, finding, content, the numbers as tables, and the SQL queries. A chart can be saved as a picture. */
function section(id, title, finding, { wide = false, level = "h2", tools = null, content = [], numbers = [], from = [] }, state) {
  const place = content.find((one) => one.classList.contains("chart"));
  const save = place && el("button", { type: "button", class: "save", "aria-label": `Save picture: ${title}` }, "Save picture");
  if (save) save.addEventListener("click", () => saveChart(title, place, state));
  return el("section", { id, class: wide ? "wide" : undefined, "aria-labelledby": `${id}-title`, tabindex: "-1" },
    el("div", { class: "head" }, el(level, { id: `${id}-title` }, title), el("div", { class: "tools" }, tools, save)), el("p", { class: "finding" }, finding), ...content,
    foot(title, numbers, from, state));
}

/**
 * A container for a chart, which is drawn once it is in the document. With ``walk``, arrow keys move between its values:
 * their ``count``, ``move`` from a value by a key, ``describe`` a value in words, ``at`` its index in the series.
 */
function chart(id, label, height, option, walk = null) {
  const place = el("div", { class: "chart", id: `${id}-chart`, role: walk ? "application" : "img", "aria-roledescription": walk ? "chart" : undefined,
    "aria-label": walk ? `${label} Arrow keys go from value to value.` : label, tabindex: walk ? "0" : undefined });
  place.style.height = `${height}px`;
  charts.push({ place, option, walk, drawn: null, now: -1 });
  return place;
}

/** The width that the page is laid out for [px]: that of the window, or of a sheet of paper. */
const PAPER = 720;
const viewWidth = () => (document.documentElement.dataset.paper ? PAPER : document.documentElement.clientWidth);

function drawCharts() {
  for (const one of charts) {
    one.drawn = echarts.init(one.place, null, { renderer: "canvas" });
    one.drawn.setOption({ animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: css("soft") }, ...one.option(one.place.clientWidth) });
    if (one.walk && one.walk.count) {
      one.place.addEventListener("keydown", (event) => step(one, event));
      one.place.addEventListener("blur", () => { if (!one.drawn.isDisposed()) leave(one); });
    }
  }
}

function leave(one) {
  one.drawn.dispatchAction({ type: "hideTip" });
  one.drawn.dispatchAction({ type: "downplay" });
}

/** The style of a highlighted mark: framed. */
const framed = () => ({ style: { stroke: css("ink"), lineWidth: 2 } });

const STEPS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

function step(one, event) {
  const { count, move, describe, at } = one.walk;
  if (event.key === "Escape") { leave(one); return; }
  if (!STEPS[event.key] && event.key !== "Home" && event.key !== "End") return;
  event.preventDefault();
  if (event.key === "End") one.now = count - 1;
  else if (event.key === "Home" || one.now < 0) one.now = 0;
  else one.now = move(one.now, ...STEPS[event.key]);
  const place = at ? at(one.now) : { seriesIndex: 0, dataIndex: one.now };
  one.drawn.dispatchAction({ type: "downplay" });
  one.drawn.dispatchAction({ type: "highlight", ...place });
  one.drawn.dispatchAction({ type: "showTip", ...place });
  document.getElementById("live").textContent = describe(one.now);
}

/** Move to the next of ``count`` values, with wrap-around. */
const inARow = (count) => (now, right, down) => (now + right + down + count) % count;

/** Move on a grid with holes to the nearest value in that direction; ``places`` are [x, y] in reading order. */
function onAGrid(places) {
  return (now, right, down) => {
    if (right) return (now + right + places.length) % places.length;
    const [x, y] = places[now];
    const rows = [...new Set(places.map((place) => place[1]))].sort((one, other) => one - other);
    const row = rows[(rows.indexOf(y) + down + rows.length) % rows.length];
    let best = now;
    places.forEach((place, at) => { if (place[1] === row && (places[best][1] !== row || Math.abs(place[0] - x) < Math.abs(places[best][0] - x))) best = at; });
    return best;
  };
}

/** The position of a tooltip: above the mark, else below, else beside it, never on it. */
function notOn([x, y], params, place, mark, { contentSize: [wide, high], viewSize: [width, height] }) {
  const { x: left, y: top, width: across, height: down } = mark || { x, y, width: 0, height: 0 };
  const [right, bottom] = [left + across, top + down];
  const middle = Math.max(0, Math.min((left + right - wide) / 2, width - wide));
  if (mark && top >= high + 8) return [middle, top - high - 8];
  if (mark && height - bottom >= high + 8) return [middle, bottom + 8];
  return [right + 10 + wide <= width ? right + 10 : Math.max(0, left - 10 - wide), Math.max(0, Math.min(top, height - high))];
}

function tooltip(lines) {
  return {
    confine: true, position: notOn, backgroundColor: css("card"), borderColor: css("line"), textStyle: { color: css("ink") },
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
/** Black or white, whichever has more contrast on a mood's colour. */
function inkOn(mood) {
  const channels = [1, 3, 5].map((at) => parseInt(colour(mood).slice(at, at + 2), 16) / 255);
  const [red, green, blue] = channels.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#111" : "#fff";
}
