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

const monthStart = (day) => `${day.slice(0, 7)}-01`;
const monthEnd = (day) => addDays(monthStart(addDays(monthStart(day), 31)), -1);
const mondayOf = (day) => addDays(day, -((utc(day).getUTCDay() + 6) % 7));

/** The ranges of the period with one calendar each: whole weeks if they are few, else years, or quarters on a phone. */
function calendars({ first, last }, narrow) {
  const days = daysBetween(first, last) + 1;
  if (days < 35) return [[monthStart(first), monthEnd(last)]];
  const longest = narrow ? 98 : A_HALF_YEAR;
  if (days <= longest) return [[mondayOf(first), addDays(mondayOf(last), 6)]];
  const months = narrow ? 3 : 12;
  const ranges = [];
  for (let year = Number(last.slice(0, 4)); year >= Number(first.slice(0, 4)); year -= 1) {
    for (let month = 13 - months; month > 0; month -= months) {
      const two = (value) => String(value).padStart(2, "0");
      ranges.push([`${year}-${two(month)}-01`, monthEnd(`${year}-${two(month + months - 1)}-01`)]);
    }
  }
  return ranges.filter(([begin, end]) => begin <= last && end >= first);
}

/** The part of the period that has calendars: a phone shows the newest year of a longer one. */
function calendarPeriod({ first, last }, narrow) {
  const year = addDays(last, -365);
  return { first: narrow && first < year ? monthStart(year) : first, last };
}

/** The longest run of days with the same leading mood; with equal lengths the first. A day without a mood ends a run. */
function longestRun(state, days) {
  let [best, now] = [null, null];
  for (const day of days) {
    const mood = leading(dayCounts(state, day));
    now = mood && now && now.mood === mood && addDays(now.last, 1) === day ? { ...now, last: day, days: now.days + 1 } : mood && { mood, first: day, last: day, days: 1 };
    if (now && now.days > (best ? best.days : 1)) best = now;
  }
  return best;
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
  const narrow = viewWidth() < 640;
  const shown = calendarPeriod(state.period, narrow);
  const { first, last } = shown;
  const every = daysOf({ period: shown });
  const days = every.filter((day) => state.person.days[day]);
  const gaps = every.filter((day) => inGap(state, day));
  const leads = {};
  const values = days.map((day) => {
    const counts = dayCounts(state, day);
    const mood = leading(counts) || "Unlabelled";
    leads[mood] = (leads[mood] || 0) + 1;
    return [day, ALL.indexOf(mood), dayTotal(state.person.days[day]), counts[mood], counts.Unlabelled];
  });
  const ranges = calendars(shown, narrow);
  const left = narrow ? 34 : 58;
  const inner = Math.min(1160, viewWidth()) - (viewWidth() <= 480 ? 54 : 82);
  const weeks = Math.max(...ranges.map(([begin, end]) => daysBetween(mondayOf(begin), addDays(mondayOf(end), 7)) / 7));
  const short = ranges.length === 1 && weeks < 35;
  const wide = Math.max(4, Math.min(short ? 80 : 19, Math.floor((inner - left - 4) / weeks)));
  const high = narrow ? Math.min(26, Math.max(wide, 24)) : Math.min(wide, short ? 30 : 18);
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
  const run = longestRun(state, days);
  const led = days.length === 1 ? `${best} music led on ${written(days[0])}` : `${best} music led most often, on ${plural(leads[best], "day")} of ${number.format(days.length)} with listens`;
  const finding = best ? `${led}${run ? `; the longest run is ${run.days} ${run.mood.toLowerCase()} days, ${spanned(run.first, run.last)}` : ""}. A grey part is the share without a mood, a blank day has no listens${gaps.length ? ", on a day with a dashed frame listens may be missing" : ""}.${first > state.period.first ? " This narrow window shows the newest year: choose a year for earlier ones." : ""}` : "No day with a labelled listen in this period.";
  const within = (range, list, dayOf) => list.filter((one) => dayOf(one) >= range[0] && dayOf(one) <= range[1]);
  const byRange = ranges.map((range) => within(range, values, (value) => value[0]));
  const option = () => ({
    tooltip: tooltip((found) => lines(found.value)),
    calendar: ranges.map((range, index) => ({
      top: 24 + index * stride, left, range, cellSize: [wide, high], orient: "horizontal",
      splitLine: { lineStyle: { color: css("soft"), width: 2 } },
      itemStyle: { color: css("card"), borderColor: css("line"), borderWidth: 0.5 },
      dayLabel: { firstDay: 1, color: css("soft"), nameMap: ["Sun", "Mon", "", "Wed", "", "Fri", ""], fontSize: 10, margin: 5 },
      monthLabel: { color: css("soft"), fontSize: 11, align: "left", formatter: ({ nameMap, yyyy, M }) => (narrow && ranges.length > 1 && M % 3 === 1 ? `${nameMap} ${yyyy}` : nameMap) }, yearLabel: { show: !narrow, color: css("soft"), fontSize: 12, margin: 40, position: "left" },
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
  const label = `Calendar of the most common mood of each day. ${finding}`;
  const at = (now) => {
    const index = byRange.findIndex((part) => part.includes(values[now]));
    return { seriesIndex: index, dataIndex: byRange[index].indexOf(values[now]) };
  };
  const walk = { count: days.length, move: amongDays(days), describe: (now) => lines(values[now]).join(", "), at };
  return section("calendar", "Mood calendar", finding, {
    wide: true, content: [chart("calendar", label, ranges.length * stride - 8, option, walk)],
    numbers: [{ header: ["day", ...ALL], rows: days.map((day) => [day, ...ALL.map((mood) => dayCounts(state, day)[mood])]) }], from: ["days"],
  }, state);
}

/** One day: the colour and sign of the leading mood, and a grey part for listens without a mood. */
function drawDay(api, wide, high) {
  const [x, y] = api.coord(api.value(0));
  const mood = ALL[api.value(1)];
  const [total, without] = [api.value(2), api.value(4)];
  const [left, top, width, height] = [x - wide / 2 + 1, y - high / 2 + 1, wide - 2, high - 2];
  const grey = mood === "Unlabelled" ? 0 : Math.round(Math.min(0.6, without / total) * height);
  const body = height - grey;
  const children = [{ type: "rect", shape: { x: left, y: top, width, height: body, r: grey ? [2, 2, 0, 0] : 2 }, style: { fill: colour(mood) }, emphasis: framed() }];
  if (grey) children.push({ type: "rect", shape: { x: left, y: top + body, width, height: grey, r: [0, 0, 2, 2] }, style: { fill: colour("Unlabelled") } });
  const side = Math.min(body, wide - 4) * 0.62;
  if (side >= 3.5) children.push(glyph(mood, x, top + body / 2, Math.min(side, 11), inkOn(mood)));
  return { type: "group", children };
}
