const iso = (moment) => moment.toISOString().slice(0, 10);
const utc = (day) => new Date(`${day}T00:00:00Z`);
const addDays = (day, count) => iso(new Date(utc(day).getTime() + count * 86400000));

function daysOf(state) {
  const found = [];
  for (let day = state.period.first; day <= state.period.last; day = addDays(day, 1)) found.push(day);
  return found;
}

/** Ranges of the period that are drawn as a calendar each: years, or half years on a phone. */
function calendars(state, narrow) {
  const ranges = [];
  for (let year = Number(state.period.last.slice(0, 4)); year >= Number(state.period.first.slice(0, 4)); year -= 1) {
    const parts = narrow ? [[`${year}-07-01`, `${year}-12-31`], [`${year}-01-01`, `${year}-06-30`]] : [[`${year}-01-01`, `${year}-12-31`]];
    ranges.push(...parts.filter(([first, last]) => first <= state.period.last && last >= state.period.first));
  }
  return ranges;
}

function dayCounts(state, day) {
  return Object.fromEntries(ALL.map((mood) => [mood, dayCount(state.person.days[day], mood)]));
}

function calendarSection(state) {
  const days = daysOf(state).filter((day) => state.person.days[day]);
  const leads = {};
  const values = days.map((day) => {
    const counts = dayCounts(state, day);
    const mood = leading(counts) || "Unlabelled";
    leads[mood] = (leads[mood] || 0) + 1;
    return [day, ALL.indexOf(mood), dayTotal(state.person.days[day]), counts[mood]];
  });
  const narrow = document.documentElement.clientWidth < 640;
  const ranges = calendars(state, narrow);
  const view = document.documentElement.clientWidth;
  const inner = Math.min(1160, view) - (view <= 480 ? 54 : 82);
  const size = Math.max(4, Math.min(19, Math.floor((inner - 62) / (narrow ? 27 : 53.5))));
  const high = Math.min(size, 18);
  const step = 7 * high + 40;
  const lines = (value) => {
    const counts = dayCounts(state, value[0]);
    return [`${new Intl.DateTimeFormat("en", { dateStyle: "full", timeZone: "UTC" }).format(utc(value[0]))}: ${plural(value[2], "listen")}`,
      ...ALL.filter((mood) => counts[mood]).map((mood) => `${SIGNS[mood]} ${mood} ${counts[mood]} (${percent(counts[mood], value[2])})`)];
  };
  const best = leading(leads);
  const finding = best ? `${best} led most often, on ${plural(leads[best], "day")} of ${number.format(days.length)} with listens. A fuller colour means a larger share; empty days are days without listens.` : "No day with a labelled listen in this period.";
  const option = () => ({
      tooltip: tooltip((found) => lines(found.value)),
      calendar: ranges.map((range, index) => ({
        top: 24 + index * step, left: 58, range, cellSize: [size, high], orient: "horizontal",
        splitLine: { lineStyle: { color: css("line"), width: 1.5 } },
        itemStyle: { color: css("card"), borderColor: css("line"), borderWidth: 0.5 },
        dayLabel: { firstDay: 1, color: css("soft"), nameMap: ["Sun", "Mon", "", "Wed", "", "Fri", ""], fontSize: 10, margin: 5 },
        monthLabel: { color: css("soft"), fontSize: 11 }, yearLabel: { show: true, color: css("soft"), fontSize: 12, margin: 40, position: "left" },
      })),
      series: ranges.map((range, index) => ({
        type: "custom", coordinateSystem: "calendar", calendarIndex: index,
        data: values.filter(([day]) => day >= range[0] && day <= range[1]),
        renderItem: (params, api) => {
          const [x, y] = api.coord(api.value(0));
          const mood = ALL[api.value(1)];
          const side = high - 2;
          const share = api.value(3) / api.value(2);
          return { type: "group", children: [
            { type: "rect", shape: { x: x - size / 2 + 1, y: y - side / 2, width: size - 2, height: side, r: 2 }, style: { fill: colour(mood), opacity: 0.45 + 0.55 * share } },
            ...(side >= 8 ? [glyph(mood, x, y, side * 0.48, inkOn(mood === "Sad" && share < 0.5 ? "Calm" : mood))] : []),
          ] };
        },
      })),
  });
  const label = `Calendar of the most common mood of each day. ${finding}`;
  return section("calendar", "Mood calendar", finding, {
    wide: true, content: [legend(), chart("calendar", label, 20 + ranges.length * step, option, 0)],
    numbers: { header: ["day", ...ALL], rows: days.map((day) => [day, ...ALL.map((mood) => dayCounts(state, day)[mood])]) }, from: ["days"],
  }, state);
}

/** Listens by mood for each day, week or month of the period, so that some 30 to 130 bars are drawn. */
function buckets(state) {
  const days = daysOf(state);
  const unit = days.length <= 95 ? "day" : days.length <= 800 ? "week" : "month";
  const start = (day) => unit === "day" ? day : unit === "month" ? day.slice(0, 7) : addDays(day, -((utc(day).getUTCDay() + 6) % 7));
  const found = new Map();
  for (const day of days) {
    const key = start(day);
    if (!found.has(key)) found.set(key, Object.fromEntries(ALL.map((mood) => [mood, 0])));
    for (const mood of ALL) found.get(key)[mood] += dayCount(state.person.days[day], mood);
  }
  return { unit, keys: [...found.keys()], counts: [...found.values()] };
}

/** Shares in %, of the sum over ``window`` buckets that end with each one; null where nothing was heard. */
function shares(counts, mood, window) {
  return counts.map((_, at) => {
    const part = counts.slice(Math.max(0, at - window + 1), at + 1);
    const total = sum(part.map((bucket) => sum(ALL.map((one) => bucket[one]))));
    return total ? Math.round((1000 * sum(part.map((bucket) => bucket[mood]))) / total) / 10 : null;
  });
}

function shareSection(state) {
  const { unit, keys, counts } = buckets(state);
  const choice = el("select", { id: "smooth" }, ...[[1, "none"], [4, `over 4 ${unit}s`], [8, `over 8 ${unit}s`]].map(([value, text]) => el("option", { value: String(value) }, text)));
  choice.value = String(state.smooth);
  choice.addEventListener("change", () => { state.smooth = Number(choice.value); show(state, "smooth"); });
  const option = () => ({
    aria: { enabled: true, decal: { show: true } },
    tooltip: { ...tooltip((found) => [`${unit} ${found[0].name}`, ...found.map((one) => `${SIGNS[one.seriesName]} ${one.seriesName} ${one.value ?? "–"} %`)]), trigger: "axis" },
    grid: { left: 44, right: 12, top: 10, bottom: 28 },
    xAxis: { type: "category", data: keys, axisLabel: { color: css("soft"), hideOverlap: true }, axisLine: { lineStyle: { color: css("line") } }, axisTick: { show: false } },
    yAxis: { type: "value", max: 100, axisLabel: { color: css("soft"), formatter: "{value} %" }, splitLine: { lineStyle: { color: css("line") } } },
    series: ALL.map((mood) => ({ name: mood, type: "bar", stack: "all", barCategoryGap: "12%", itemStyle: { color: colour(mood) }, data: shares(counts, mood, state.smooth) })),
  });
  const finding = `Each ${unit}'s listens by mood, unlabelled ones included${state.smooth > 1 ? `, summed over the ${state.smooth} ${unit}s that end with it` : ""}.`;
  return section("share", "Mood share over time", finding, {
    wide: true, tools: el("label", {}, "Smoothing ", choice), content: [legend(), chart("share", `Stacked bars. ${finding}`, 280, option, keys.length)],
    numbers: { header: [unit, ...ALL], rows: keys.map((key, at) => [key, ...ALL.map((mood) => counts[at][mood])]) }, from: ["days"],
  }, state);
}
