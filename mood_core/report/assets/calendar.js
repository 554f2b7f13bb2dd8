const iso = (moment) => moment.toISOString().slice(0, 10);
const utc = (day) => new Date(`${day}T00:00:00Z`);
const addDays = (day, count) => iso(new Date(utc(day).getTime() + count * 86400000));
const daysBetween = (first, last) => Math.round((utc(last) - utc(first)) / 86400000);
const A_HALF_YEAR = 190;

function daysOf(state) {
  const found = [];
  for (let day = state.period.first; day <= state.period.last; day = addDays(day, 1)) found.push(day);
  return found;
}

/** The ranges of the period with one calendar each: months if they are few, else years, or half years on a phone. */
function calendars(state, narrow) {
  const { first, last } = state.period;
  const months = [`${first.slice(0, 7)}-01`, addDays(`${addDays(`${last.slice(0, 7)}-01`, 31).slice(0, 7)}-01`, -1)];
  if (daysBetween(first, last) <= A_HALF_YEAR) return [months];
  const ranges = [];
  for (let year = Number(last.slice(0, 4)); year >= Number(first.slice(0, 4)); year -= 1) {
    const parts = narrow ? [[`${year}-07-01`, `${year}-12-31`], [`${year}-01-01`, `${year}-06-30`]] : [[`${year}-01-01`, `${year}-12-31`]];
    ranges.push(...parts.filter(([begin, end]) => begin <= last && end >= first));
  }
  return ranges;
}

function dayCounts(state, day) {
  return Object.fromEntries(ALL.map((mood) => [mood, dayCount(state.person.days[day], mood)]));
}

/** Whether listens of that day may be missing: it is in an open gap. */
const inGap = (state, day) => state.person.gaps.some((gap) => !gap.filled && gap.starts_at.slice(0, 10) <= day && day <= gap.ends_at.slice(0, 10));

/** Up and down move by a day, left and right by a week: to the next day with listens in that direction, if any. */
function amongDays(days) {
  return (now, right, down) => {
    if (down) return Math.max(0, Math.min(days.length - 1, now + down));
    const wanted = addDays(days[now], 7 * right);
    const at = right > 0 ? days.findIndex((day) => day >= wanted) : days.findLastIndex((day) => day <= wanted);
    return at < 0 ? now : at;
  };
}

function calendarSection(state) {
  const days = daysOf(state).filter((day) => state.person.days[day]);
  const gaps = daysOf(state).filter((day) => inGap(state, day));
  const { first, last } = state.period;
  const leads = {};
  const values = days.map((day) => {
    const counts = dayCounts(state, day);
    const mood = leading(counts) || "Unlabelled";
    leads[mood] = (leads[mood] || 0) + 1;
    return [day, ALL.indexOf(mood), dayTotal(state.person.days[day]), counts[mood], counts.Unlabelled];
  });
  const view = document.documentElement.clientWidth;
  const narrow = view < 640;
  const ranges = calendars(state, narrow);
  const inner = Math.min(1160, view) - (view <= 480 ? 54 : 82);
  const weeks = Math.max(...ranges.map(([begin, end]) => Math.ceil(((utc(begin).getUTCDay() + 6) % 7 + daysBetween(begin, end) + 1) / 7)));
  const short = ranges.length === 1 && weeks < 35;
  const wide = Math.max(4, Math.min(short ? 64 : 19, Math.floor((inner - 64) / weeks)));
  const high = Math.min(wide, short ? 26 : 18);
  const stride = 7 * high + 40;
  const likely = (day, mood) => { const ends = (state.person.intervals[day] || {})[mood[0]]; return ends && mood !== "Unlabelled" ? `; 90% interval ${ends[0]}–${ends[1]}%` : ""; };
  const lines = (value) => {
    const counts = dayCounts(state, value[0]);
    return [`${new Intl.DateTimeFormat("en", { weekday: "long", timeZone: "UTC" }).format(utc(value[0]))} ${written(value[0])}: ${plural(value[2], "listen")}`,
      ...ALL.filter((mood) => counts[mood]).map((mood) => `${SIGNS[mood]} ${mood} ${counts[mood]} (${percent(counts[mood], value[2])}${likely(value[0], mood)})`),
      ...(inGap(state, value[0]) ? ["listens may be missing"] : [])];
  };
  const outside = ranges.map((range) => daysOf({ period: { first: range[0], last: range[1] } }).filter((day) => day < first || day > last));
  const best = leading(leads);
  const finding = best ? `${best} led most often, on ${plural(leads[best], "day")} of ${number.format(days.length)} with listens. A fuller colour is a larger share of the day's labelled listens, a grey part the share without a mood. Blank days have no listens${outside.some((part) => part.length) ? ", shaded ones lie outside the period" : ""}.` : "No day with a labelled listen in this period.";
  const within = (range, list, dayOf) => list.filter((one) => dayOf(one) >= range[0] && dayOf(one) <= range[1]);
  const byRange = ranges.map((range) => within(range, values, (value) => value[0]));
  const option = () => ({
    tooltip: tooltip((found) => lines(found.value)),
    calendar: ranges.map((range, index) => ({
      top: 24 + index * stride, left: 58, range, cellSize: [wide, high], orient: "horizontal",
      splitLine: { lineStyle: { color: css("edge"), width: 1 } },
      itemStyle: { color: css("card"), borderColor: css("line"), borderWidth: 0.5 },
      dayLabel: { firstDay: 1, color: css("soft"), nameMap: ["Sun", "Mon", "", "Wed", "", "Fri", ""], fontSize: 10, margin: 5 },
      monthLabel: { color: css("soft"), fontSize: 11 }, yearLabel: { show: true, color: css("soft"), fontSize: 12, margin: 40, position: "left" },
    })),
    series: [
      ...ranges.map((range, index) => ({
        type: "custom", coordinateSystem: "calendar", calendarIndex: index, data: byRange[index],
        renderItem: (params, api) => drawDay(api, wide, high),
      })),
      ...ranges.map((range, index) => ({
        id: `outside-${index}`, type: "custom", coordinateSystem: "calendar", calendarIndex: index, silent: true,
        data: outside[index].map((day) => [day]),
        renderItem: (params, api) => {
          const [x, y] = api.coord(api.value(0));
          return { type: "rect", shape: { x: x - wide / 2, y: y - high / 2, width: wide, height: high }, style: { fill: css("ground") } };
        },
      })),
      ...ranges.map((range, index) => ({
        id: `gaps-${index}`, type: "custom", coordinateSystem: "calendar", calendarIndex: index, silent: true,
        data: within(range, gaps, (day) => day).map((day) => [day]),
        renderItem: (params, api) => {
          const [x, y] = api.coord(api.value(0));
          return { type: "rect", shape: { x: x - wide / 2 + 0.5, y: y - high / 2 + 0.5, width: wide - 1, height: high - 1, r: 2 }, style: { fill: "none", stroke: css("ink"), lineWidth: 1.5, lineDash: [3, 2] } };
        },
      })),
    ],
  });
  const marked = gaps.length ? el("li", {}, el("span", { class: "sign gap", "aria-hidden": "true" }), "listens may be missing") : null;
  const shown = legend();
  if (marked) shown.append(marked);
  const label = `Calendar of the most common mood of each day. ${finding}`;
  const at = (now) => {
    const index = byRange.findIndex((part) => part.includes(values[now]));
    return { seriesIndex: index, dataIndex: byRange[index].indexOf(values[now]) };
  };
  const walk = { count: days.length, move: amongDays(days), describe: (now) => lines(values[now]).join(", "), at };
  return section("calendar", "Mood calendar", finding, {
    wide: true, content: [shown, chart("calendar", label, ranges.length * stride - 8, option, walk)],
    numbers: [{ header: ["day", ...ALL], rows: days.map((day) => [day, ...ALL.map((mood) => dayCounts(state, day)[mood])]) }], from: ["days"],
  }, state);
}

/** One day: the colour and sign of the leading mood, and a grey part for listens without a mood. */
function drawDay(api, wide, high) {
  const [x, y] = api.coord(api.value(0));
  const mood = ALL[api.value(1)];
  const [total, led, without] = [api.value(2), api.value(3), api.value(4)];
  const [left, top, width, height] = [x - wide / 2 + 1, y - high / 2 + 1, wide - 2, high - 2];
  if (mood === "Unlabelled") {
    return { type: "group", children: [{ type: "rect", shape: { x: left, y: top, width, height, r: 2 }, style: { fill: colour(mood) }, emphasis: framed() }, glyph(mood, x, y, high * 0.48, inkOn(mood))] };
  }
  const fullness = 0.45 + (0.55 * led) / (total - without);
  const grey = Math.round(Math.min(0.6, without / total) * height);
  const body = height - grey;
  const children = [{ type: "rect", shape: { x: left, y: top, width, height: body, r: grey ? [2, 2, 0, 0] : 2 }, style: { fill: colour(mood), opacity: fullness }, emphasis: framed() }];
  if (grey) children.push({ type: "rect", shape: { x: left, y: top + body, width, height: grey, r: [0, 0, 2, 2] }, style: { fill: colour("Unlabelled") } });
  const side = Math.min(body, wide - 4) * 0.62;
  if (side >= 3.5) children.push(glyph(mood, x, top + body / 2, Math.min(side, 11), inkOn(mood, fullness)));
  return { type: "group", children };
}
