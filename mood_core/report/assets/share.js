/** The unit by which listens are summed, so that there are about 30 to 130 bars, and its smoothings. */
const UNITS = { day: [7, 28], week: [4, 13], month: [3, 12] };

function unitOf(length) {
  const narrow = viewWidth() < 640;
  if (length <= (narrow ? 45 : 95)) return "day";
  return length <= (narrow ? 370 : 800) ? "week" : "month";
}

/** Listens by mood for each day, week or month of the period. */
function buckets(state) {
  const days = daysOf(state);
  const unit = unitOf(days.length);
  const start = (day) => unit === "day" ? day : unit === "month" ? day.slice(0, 7) : addDays(day, -((utc(day).getUTCDay() + 6) % 7));
  const found = new Map();
  for (const day of days) {
    const key = start(day);
    if (!found.has(key)) found.set(key, Object.fromEntries(ALL.map((mood) => [mood, 0])));
    for (const mood of ALL) found.get(key)[mood] += dayCount(state.person.days[day], mood);
  }
  return { unit, keys: [...found.keys()], counts: [...found.values()] };
}

/** Shares in %, of the sum over ``window`` buckets that end with each one; null without listens. */
function shares(counts, mood, window) {
  return counts.map((_, at) => {
    const part = counts.slice(Math.max(0, at - window + 1), at + 1);
    const total = sum(part.map((bucket) => sum(ALL.map((one) => bucket[one]))));
    return total ? Math.round((1000 * sum(part.map((bucket) => bucket[mood]))) / total) / 10 : null;
  });
}

/** Two shares, 0–1, as whole percents. */
const between = (low, high) => `${Math.round(100 * low)}–${Math.round(100 * high)}%`;

const LEAST_FOR_INTERVALS = 20;

/** Each mood of the period with the 90% interval of its share of all listens, by the model's probabilities; none of a few listens. */
function intervals(state) {
  const { listens, labelled } = state.period.totals[0];
  if (labelled < LEAST_FOR_INTERVALS) return [];
  return state.period.shares.map((row) => ({ ...row, range: between(Math.max(0, row.expected - row.half_width) / listens, Math.min(labelled, row.expected + row.half_width) / listens) }));
}

/** The calendar months of the period, complete even if the period starts or ends within one. */
const monthsOf = (state) => state.person.months.filter((row) => row.month.slice(0, 7) >= state.period.first.slice(0, 7) && row.month <= state.period.last);

function shareSection(state) {
  const { unit, keys, counts } = buckets(state);
  if (!UNITS[unit].includes(state.smooth)) state.smooth = 1;
  const choice = el("select", { id: "smooth" }, ...[[1, "none"], ...UNITS[unit].map((many) => [many, `over ${many} ${unit}s`])].map(([value, text]) => el("option", { value: String(value) }, text)));
  choice.value = String(state.smooth);
  choice.addEventListener("change", () => { state.smooth = Number(choice.value); show(state, "smooth"); });
  const drawn = Object.fromEntries(ALL.map((mood) => [mood, shares(counts, mood, state.smooth)]));
  const lines = (at) => [`${unit === "week" ? "week from " : ""}${written(keys[at])}: ${plural(sum(Object.values(counts[at])), "listen")}`, ...ALL.map((mood) => `${SIGNS[mood]} ${mood} ${drawn[mood][at] ?? "–"}%`)];
  const oneYear = unit !== "month" && keys[0].slice(0, 4) === keys[keys.length - 1].slice(0, 4);
  const label = (key) => (oneYear ? written(key).slice(0, -5) : written(key));
  const option = (width) => ({
    tooltip: { ...tooltip((found) => lines(found[0].dataIndex)), trigger: "axis" },
    grid: { left: 44, right: width > 560 ? 118 : 30, top: 10, bottom: 28 },
    xAxis: { type: "category", data: keys, axisLabel: { color: css("soft"), hideOverlap: true, formatter: label }, axisLine: { lineStyle: { color: css("line") } }, axisTick: { show: false } },
    yAxis: { type: "value", max: 100, axisLabel: { color: css("soft"), formatter: "{value}%" }, splitLine: { lineStyle: { color: css("line") } } },
    series: [
      ...ALL.map((mood) => ({ name: mood, type: "bar", stack: "all", barMaxWidth: 72, barCategoryGap: keys.length > 60 ? "6%" : "12%", itemStyle: { color: colour(mood), borderColor: css("card"), borderWidth: keys.length > 60 ? 0 : 0.5 }, data: drawn[mood] })),
      { id: "names", type: "custom", silent: true, clip: false, tooltip: { show: false }, data: [[keys.length - 1, 0]], renderItem: (params, api) => drawNames(params, api, drawn, width > 560) },
    ],
  });
  const totals = Object.fromEntries(ALL.map((mood) => [mood, sum(counts.map((bucket) => bucket[mood]))]));
  const all = sum(Object.values(totals));
  const likely = intervals(state);
  const finding = `${all ? `In the whole period ${ALL.filter((mood) => totals[mood]).map((mood) => `${mood.toLowerCase()} ${percent(totals[mood], all)}`).join(", ")}. ` : ""}A bar is a ${unit}'s listens by mood${state.smooth > 1 ? `, summed over the ${state.smooth} ${unit}s that end with it` : ""}.`;
  const walk = { count: keys.length, move: inARow(keys.length), describe: (at) => lines(at).join(", ") };
  return section("share", "Mood share over time", finding, {
    wide: true, tools: el("label", {}, "Smoothing ", choice), content: [chart("share", `Stacked bars. ${finding}`, 280, option, walk)],
    numbers: [
      { header: [unit, ...ALL], rows: keys.map((key, at) => [key, ...ALL.map((mood) => counts[at][mood])]) },
      ...(likely.length ? [{ caption: "Shares with 90% intervals", header: ["mood", "listens", "share", "expected", "90% interval"], rows: likely.map((one) => [one.mood, one.listens, percent(one.listens, all), percent(one.expected, all), one.range]) }] : []),
      { caption: "Shares by calendar month with 90% intervals", header: ["month", "mood", "listens", "share", "expected", "90% interval"], rows: monthsOf(state).map((row) => [row.month.slice(0, 7), row.mood, row.listens, percent(row.share, 1), row.share_expected === null ? "" : percent(row.share_expected, 1), row.share_low === null ? "" : between(row.share_low, row.share_high)]) },
    ], from: ["days", "shares", "months"],
  }, state);
}

/** Each mood's sign, with its name if there is room, beside its part of the last bar. */
function drawNames(params, api, drawn, words) {
  const last = drawn.Calm.findLastIndex((value) => value !== null);
  if (last < 0) return { type: "group", children: [] };
  let below = 0;
  const names = [];
  for (const mood of ALL) {
    const share = drawn[mood][last];
    if (share > 0) names.push({ mood, y: api.coord([last, below + share / 2])[1] });
    below += share;
  }
  for (let at = 1; at < names.length; at += 1) names[at].y = Math.min(names[at].y, names[at - 1].y - 19);
  const over = names.length ? params.coordSys.y + 8 - names[names.length - 1].y : 0;
  if (over > 0) for (const one of names) one.y += over;
  const x = params.coordSys.x + params.coordSys.width + 8;
  return { type: "group", children: names.flatMap(({ mood, y }) => [
    { type: "rect", shape: { x, y: y - 8, width: 16, height: 16, r: 3 }, style: { fill: colour(mood) } },
    glyph(mood, x + 8, y, 8, inkOn(mood)),
    ...(words ? [{ type: "text", style: { x: x + 22, y, text: mood, fill: css("ink"), font: `12px ${getComputedStyle(document.body).fontFamily}`, textVerticalAlign: "middle" } }] : []),
  ]) };
}
