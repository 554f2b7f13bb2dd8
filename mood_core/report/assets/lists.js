function bar(parts, whole) {
  return el("div", { class: "track", "aria-hidden": "true" }, ...parts.map(([mood, value]) => {
    const part = el("span", { class: mood });
    part.style.width = `${(100 * value) / whole}%`;
    return part;
  }));
}

function topSection(id, title, finding, rows, nameOf, byOf, state) {
  const columns = MOODS.map((mood) => {
    const mine = rows.filter((row) => row.mood === mood);
    const items = mine.map((row) => el("li", {}, el("div", { class: "row" }, el("div", { class: "name" }, nameOf(row), byOf(row) ? el("div", { class: "by" }, bdi(byOf(row))) : null), el("span", { class: "count" }, `${number.format(row.listens)} ×`)), bar([[mood, row.listens]], mine[0].listens)));
    return el("div", {}, el("h3", {}, sign(mood), mood), mine.length ? el("ol", { class: "top" }, ...items) : el("p", { class: "by" }, "nothing in this period"));
  });
  return section(id, title, finding, { wide: true, content: [el("div", { class: "columns" }, ...columns)], from: [id] }, state);
}

/** A local time, YYYY-MM-DD HH:MM, for people. */
const atMinute = (moment) => `${written(moment.slice(0, 10))}, ${moment.slice(11)}`;

/** A probability in %, never rounded to 0 or 100. */
const likely = (chance) => (chance >= 0.995 ? "> 99%" : chance < 0.005 ? "< 1%" : percent(chance, 1));

/** The labels of a list; one that is among the most confident ones is not also shown as uncertain: a short history has few. */
function labelsOf(id, { confident, uncertain }) {
  const key = (row) => `${row.track}\n${row.artists}\n${row.mood}`;
  const shown = new Set(confident.map(key));
  return id === "confident" ? confident : uncertain.filter((row) => !shown.has(key(row)));
}

function labelsSection(id, title, finding, state) {
  const rows = labelsOf(id, state.period);
  const items = rows.map((row) => {
    const chances = MOODS.map((mood) => [mood, row[`p_${mood.toLowerCase()}`]]);
    return el("li", {}, el("div", { class: "row" }, el("div", { class: "name" }, bdi(titled(row)), row.artists ? el("div", { class: "by" }, bdi(row.artists)) : null), el("span", { class: "count" }, sign(row.mood), `${row.mood} ${likely(row[`p_${row.mood.toLowerCase()}`])}`)),
      bar(chances, 1), el("div", { class: "chances" }, ...chances.map(([mood, chance]) => el("span", {}, el("span", { "aria-hidden": "true" }, SIGNS[mood]), el("span", { class: "hidden" }, `${mood} `), ` ${likely(chance)}`))),
      row.mood_set ? el("div", { class: "by" }, `90% set: ${row.mood_set.split("|").join(", ")}`) : null);
  });
  return section(id, title, items.length ? finding : state.period[id].length ? "No other labels in this period." : "No labelled listens in this period.", { level: "h3", content: [el("ol", { class: "top" }, ...items)], from: [id] }, state);
}

const SHOWN_YEARS = 6;

/** Rows of the share of listens with a mood by year of release: the newest years, the older ones together, unknown. */
function byYear(years) {
  const dated = years.filter((row) => /^\d+$/.test(row.release_year));
  const together = (name, rows) => (rows.length ? [{ release_year: name, listens: sum(rows.map((row) => row.listens)), with_mood: sum(rows.map((row) => row.with_mood)) }] : []);
  return [...dated.slice(0, SHOWN_YEARS), ...together("older", dated.slice(SHOWN_YEARS)), ...together("unknown", years.filter((row) => !dated.includes(row)))];
}

/** The share of the newest listens with a mood, by year of release and by source: new music has fewer features. */
function forecastParts({ forecast }) {
  if (!forecast.listens) return [];
  const words = `of the newest ${plural(forecast.listens, "listen")}`;
  const part = (title, name, rows) => el("div", {}, el("h4", {}, title), table(`${title}, ${words}`, [name, "listens", "with a mood"], rows.map((row) => [row[name.replace(" ", "_")], row.listens, percent(row.with_mood, row.listens)])));
  const helps = forecast.remedies.length ? el("div", {}, el("h4", {}, "What raises the share with a mood"), el("ul", { class: "remedies" }, ...forecast.remedies.map((text) => el("li", {}, text.replaceAll("`", ""))))) : null;
  const note = forecast.note_on_years ? el("p", {}, forecast.note_on_years) : null;
  return [part("By release year", "release year", byYear(forecast.years)), note, part("By feature source", "feature source", forecast.sources), helps].filter(Boolean);
}

function coverageSection(state) {
  const totals = state.period.totals[0];
  const open = state.person.gaps.filter((gap) => !gap.filled);
  const days = daysOf(state).length;
  const finding = totals.listens ? `${percent(totals.labelled, totals.listens)} of the listens have a mood${!totals.labelled ? "" : `, ${percent(totals.uncertain || 0, totals.labelled)} of those are uncertain`}${[...state.period.confident, ...state.period.uncertain].some((row) => row.mood_set) ? ": their 90% set has more than one mood" : ""}. Listens on ${number.format(totals.days)} of ${plural(days, "day")}. ${open.length ? `Listens may be missing in ${plural(open.length, "gap")}.` : "No gap is known."}${intervals(state).length ? ` By the model's probabilities the shares are ${intervals(state).map((one) => `${one.mood.toLowerCase()} ${one.range}`).join(", ")} (90% intervals).` : ""}` : "There are no listens in this period.";
  const estimated = state.period.sources.filter((row) => row.model_version?.startsWith("estimated-")).reduce((sum, row) => sum + row.listens, 0);
  const parts = [];
  if (estimated) parts.push(el("p", {}, `${percent(estimated, totals.labelled)} of these moods are from features that were estimated from audio files. They are less reliable; their model is named estimated-.`));
  if (state.period.unlabelled.length) parts.push(el("div", {}, el("h4", {}, "Unlabelled, and why"), table("Unlabelled, and why", ["reason", "listens"], state.period.unlabelled.map((row) => [row.unlabelled_reason, row.listens]))));
  if (state.period.sources.length) parts.push(el("div", {}, el("h4", {}, "Audio features from"), table("Audio features from", ["source", "model", "listens"], state.period.sources.map((row) => [row.feature_source ?? "own answers", row.model_version ?? "", row.listens]))));
  if (state.person.gaps.length) parts.push(el("div", {}, el("h4", {}, "Possible gaps, of all time"), table("Possible gaps", ["from", "to", "filled"], state.person.gaps.map((gap) => [atMinute(gap.starts_at), atMinute(gap.ends_at), gap.filled ? "yes" : "no"]))));
  const { listens, with_mood } = state.person.forecast;
  const newest = listens ? el("p", { class: "finding" }, `Of the newest ${plural(listens, "listen")}, ${percent(with_mood, listens)} have a mood; what to expect of new music by its year of release:`) : null;
  const content = [el("div", { class: "columns" }, ...parts), newest, el("div", { class: "columns" }, ...forecastParts(state.person))].filter(Boolean);
  return section("coverage", "Coverage and gaps", finding, { wide: true, level: "h3", content, from: ["totals", "unlabelled", "sources", "gaps"] }, state);
}
