function hoursSection(state) {
  const span = viewWidth() < 640 ? 2 : 1;
  const cells = new Map();
  for (const row of state.period.hours) {
    const hour = row.local_hour - (row.local_hour % span);
    const key = `${row.local_weekday}-${hour}`;
    if (!cells.has(key)) cells.set(key, { weekday: row.local_weekday, hour, counts: Object.fromEntries(ALL.map((mood) => [mood, 0])) });
    cells.get(key).counts[row.mood] += row.listens;
  }
  const list = [...cells.values()].map((one) => ({ ...one, total: sum(Object.values(one.counts)) }));
  const most = Math.max(1, ...list.map((one) => one.total));
  const hourly = new Map(); // the sentence is about hours at every width
  for (const row of state.period.hours) hourly.set(`${row.local_weekday}-${row.local_hour}`, { weekday: row.local_weekday, hour: row.local_hour, total: row.listens + (hourly.get(`${row.local_weekday}-${row.local_hour}`)?.total || 0) });
  const busiest = [...hourly.values()].reduce((best, one) => (one.total > (best ? best.total : 0) ? one : best), null);
  const clock = (hour) => `${String(hour).padStart(2, "0")}:00`;
  const time = (hour, hours = span) => `${clock(hour)}–${clock((hour + hours) % 24)}`;
  const finding = busiest ? `Most listens fall on ${WEEKDAYS[busiest.weekday - 1]} at ${time(busiest.hour, 1)}: ${number.format(busiest.total)}. Colour and sign show the leading mood, a taller mark means more listens.` : "No listens in this period.";
  const lines = (one) => [`${WEEKDAYS[one.weekday - 1]} ${time(one.hour)}: ${plural(one.total, "listen")}`, ...ALL.filter((mood) => one.counts[mood]).map((mood) => `${SIGNS[mood]} ${mood} ${one.counts[mood]} (${percent(one.counts[mood], one.total)})`)];
  const option = () => ({
    tooltip: tooltip((found) => lines(list[found.dataIndex])),
    grid: { left: 38, right: 8, top: 6, bottom: 26 },
    xAxis: { type: "category", data: Array.from({ length: 24 / span }, (_, at) => at * span), axisLabel: { color: css("soft"), interval: 2 }, axisTick: { show: false }, axisLine: { show: false }, splitArea: { show: true, areaStyle: { color: ["transparent"] } } },
    yAxis: { type: "category", data: WEEKDAYS, inverse: true, axisLabel: { color: css("soft"), interval: 0 }, axisTick: { show: false }, axisLine: { show: false } },
    series: [{
      type: "custom", data: list.map((one) => [one.hour / span, one.weekday - 1, one.total]),
      renderItem: (params, api) => {
        const one = list[params.dataIndex];
        const mood = leading(one.counts) || "Unlabelled";
        const [x, y] = api.coord([one.hour / span, one.weekday - 1]);
        const [width, height] = api.size([1, 1]);
        const share = Math.sqrt(one.total / most);
        const [w, h] = [Math.max(2, width - 1.5), Math.max(2, (height - 3) * (0.35 + 0.65 * share))];
        const side = Math.min(w, h);
        return { type: "group", children: [{ type: "rect", shape: { x: x - w / 2, y: y - h / 2, width: w, height: h, r: 3 }, style: { fill: colour(mood) }, emphasis: framed() }, glyph(mood, x, y, Math.min(9, side * 0.72), inkOn(mood))] };
      },
    }],
  });
  return section("hours", "Time of the week", finding, {
    content: [chart("hours", `Hour by weekday. ${finding}`, 320, option, { count: list.length, move: onAGrid(list.map((one) => [one.hour, one.weekday])), describe: (at) => lines(list[at]).join(", ") })],
    numbers: [{ header: ["weekday", "time", ...ALL], rows: list.map((one) => [WEEKDAYS[one.weekday - 1], time(one.hour), ...ALL.map((mood) => one.counts[mood])]) }], from: ["hours"],
  }, state);
}
