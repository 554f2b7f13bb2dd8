function hoursSection(state) {
  const cells = new Map();
  for (const row of state.period.hours) {
    const key = `${row.local_weekday}-${row.local_hour}`;
    if (!cells.has(key)) cells.set(key, { weekday: row.local_weekday, hour: row.local_hour, counts: Object.fromEntries(ALL.map((mood) => [mood, 0])) });
    cells.get(key).counts[row.mood] += row.listens;
  }
  const list = [...cells.values()].map((one) => ({ ...one, total: sum(Object.values(one.counts)) }));
  const most = Math.max(1, ...list.map((one) => one.total));
  const busiest = list.reduce((best, one) => (one.total > (best ? best.total : 0) ? one : best), null);
  const time = (hour) => `${String(hour).padStart(2, "0")}:00`;
  const finding = busiest ? `Most listens fall on ${WEEKDAYS[busiest.weekday - 1]} from ${time(busiest.hour)}: ${number.format(busiest.total)}. Colour and sign are the leading mood, a taller mark means more listens.` : "No listens in this period.";
  const lines = (one) => [`${WEEKDAYS[one.weekday - 1]} ${time(one.hour)}: ${plural(one.total, "listen")}`, ...ALL.filter((mood) => one.counts[mood]).map((mood) => `${SIGNS[mood]} ${mood} ${one.counts[mood]} (${percent(one.counts[mood], one.total)})`)];
  const option = () => ({
    tooltip: tooltip((found) => lines(list[found.dataIndex])),
    grid: { left: 38, right: 8, top: 6, bottom: 26 },
    xAxis: { type: "category", data: Array.from({ length: 24 }, (_, hour) => hour), axisLabel: { color: css("soft"), interval: 2 }, axisTick: { show: false }, axisLine: { show: false }, splitArea: { show: true, areaStyle: { color: ["transparent"] } } },
    yAxis: { type: "category", data: WEEKDAYS, inverse: true, axisLabel: { color: css("soft"), interval: 0 }, axisTick: { show: false }, axisLine: { show: false } },
    series: [{
      type: "custom", data: list.map((one) => [one.hour, one.weekday - 1, one.total]),
      renderItem: (params, api) => {
        const one = list[params.dataIndex];
        const mood = leading(one.counts) || "Unlabelled";
        const [x, y] = api.coord([one.hour, one.weekday - 1]);
        const [width, height] = api.size([1, 1]);
        const share = Math.sqrt(one.total / most);
        const [w, h] = [Math.max(2, width - 1.5), Math.max(2, (height - 3) * (0.35 + 0.65 * share))];
        const side = Math.min(w, h);
        return { type: "group", children: [{ type: "rect", shape: { x: x - w / 2, y: y - h / 2, width: w, height: h, r: 3 }, style: { fill: colour(mood) }, emphasis: framed() }, glyph(mood, x, y, Math.min(9, side * 0.72), inkOn(mood))] };
      },
    }],
  });
  return section("hours", "Hours of the week", finding, {
    content: [legend(), chart("hours", `Hour by weekday. ${finding}`, 290, option, { count: list.length, move: onAGrid(list.map((one) => [one.hour, one.weekday])), describe: (at) => lines(list[at]).join(", ") })],
    numbers: [{ header: ["weekday", "hour", ...ALL], rows: list.map((one) => [WEEKDAYS[one.weekday - 1], time(one.hour), ...ALL.map((mood) => one.counts[mood])]) }], from: ["hours"],
  }, state);
}

function transitionsSection(state) {
  const counts = Object.fromEntries(MOODS.map((from) => [from, Object.fromEntries(MOODS.map((to) => [to, 0]))]));
  for (const row of state.period.transitions) counts[row.from_mood][row.to_mood] = row.transitions;
  const totals = Object.fromEntries(MOODS.map((from) => [from, sum(Object.values(counts[from]))]));
  const all = sum(Object.values(totals));
  const stays = sum(MOODS.map((mood) => counts[mood][mood]));
  const finding = all ? `Of the listens that follow another within half an hour, ${percent(stays, all)} have the mood of the one before.` : "No two labelled listens within half an hour of each other.";
  const data = MOODS.flatMap((from, y) => MOODS.map((to, x) => [x, y, totals[from] ? counts[from][to] / totals[from] : 0, counts[from][to]]));
  const lines = (value) => [`${MOODS[value[1]]}, then ${MOODS[value[0]]}`, `${percent(value[3], totals[MOODS[value[1]]])} of what follows ${MOODS[value[1]]}: ${number.format(value[3])}`];
  const dark = document.documentElement.dataset.look === "dark";
  const option = () => ({
    tooltip: tooltip((found) => lines(found.value)),
    grid: { left: 92, right: 8, top: 62, bottom: 8 },
    xAxis: { type: "category", position: "top", name: "then", nameLocation: "middle", nameGap: 42, nameTextStyle: { color: css("soft") }, data: MOODS, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: css("ink"), interval: 0, fontSize: 12, lineHeight: 15, formatter: (mood) => `${SIGNS[mood]}\n${mood}` } },
    yAxis: { type: "category", inverse: true, data: MOODS, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: css("ink"), fontSize: 12, formatter: (mood) => `${SIGNS[mood]} ${mood}` } },
    visualMap: { show: false, min: 0, max: Math.max(0.01, ...data.map((value) => value[2])), dimension: 2, inRange: { color: dark ? ["#22262c", "#9a6fb0"] : ["#f3f0f6", "#a97dc0"] } },
    series: [{ type: "heatmap", data, itemStyle: { borderColor: css("card"), borderWidth: 3, borderRadius: 6 }, label: { show: true, fontSize: 13, color: dark ? "#fff" : "#111", formatter: (found) => percent(found.value[3], totals[MOODS[found.value[1]]]) } }],
  });
  return section("transitions", "What follows what", finding, {
    content: all ? [chart("transitions", `Moods by the mood before. ${finding}`, 290, option, { count: data.length, move: onAGrid(data), describe: (at) => lines(data[at]).join(", ") })] : [],
    numbers: all ? [{ header: ["mood", ...MOODS.map((mood) => `then ${mood}`)], rows: MOODS.map((from) => [from, ...MOODS.map((to) => counts[from][to])]) }] : [], from: ["transitions"],
  }, state);
}
