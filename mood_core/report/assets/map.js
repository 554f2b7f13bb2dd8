/** An ellipse with the shape of the spread of a mood's listens that contains half of them. */
function region(rows) {
  const total = sum(rows.map((row) => row.listens));
  const mean = (of) => sum(rows.map((row) => of(row) * row.listens)) / total;
  const [x, y] = [(row) => row.valence_cell / 20, (row) => row.energy_cell / 20];
  const [mx, my] = [mean(x), mean(y)];
  const [xx, yy, xy] = [mean((row) => (x(row) - mx) ** 2) + 2e-4, mean((row) => (y(row) - my) ** 2) + 2e-4, mean((row) => (x(row) - mx) * (y(row) - my))];
  const middle = (xx + yy) / 2;
  const spread = Math.hypot((xx - yy) / 2, xy);
  const angle = Math.atan2(2 * xy, xx - yy) / 2;
  const [a, b] = [Math.sqrt(middle + spread), Math.sqrt(Math.max(2e-4, middle - spread))];
  const turned = (u, v) => [u * Math.cos(angle) - v * Math.sin(angle), u * Math.sin(angle) + v * Math.cos(angle)];
  const far = rows.map((row) => {
    const [dx, dy] = [x(row) - mx, y(row) - my];
    return { listens: row.listens, far: Math.hypot((dx * Math.cos(angle) + dy * Math.sin(angle)) / a, (dy * Math.cos(angle) - dx * Math.sin(angle)) / b) };
  }).sort((one, other) => one.far - other.far);
  let inside = 0;
  const size = Math.max(0.35, far.find((one) => (inside += one.listens) >= total / 2).far);
  const clip = (value) => Math.min(1.03, Math.max(-0.03, value));
  const points = Array.from({ length: 49 }, (_, at) => {
    const [dx, dy] = turned(size * a * Math.cos((at * Math.PI) / 24), size * b * Math.sin((at * Math.PI) / 24));
    return [clip(mx + dx), clip(my + dy)];
  });
  return { total, mx, my, points, cells: rows.length };
}

/** Labels with a background, each moved towards the centre until it overlaps no earlier label and no corner label. */
function drawPlates(api, wanted, corners) {
  const placed = [];
  const taken = corners.map(([, x, y, align]) => {
    const [px, py] = api.coord([x, y]);
    return { x: align === "left" ? px : px - 50, y: py - 9, width: 50, height: 18 };
  });
  for (const { x, y, words, size, weight, ink, beside } of wanted) {
    const [px, py] = api.coord([x, y]);
    const [width, height] = [words.length * size * 0.6 + 12, size + 8];
    const fits = px + beside + width < api.getWidth();
    const left = beside ? (fits ? px + beside : px - beside - width) : px - width / 2;
    const plate = { x: Math.max(1, Math.min(left, api.getWidth() - width - 1)), y: py - height / 2, width, height, words, size, weight, ink };
    const covers = (one) => plate.x < one.x + one.width && one.x < plate.x + plate.width && plate.y < one.y + one.height && one.y < plate.y + plate.height;
    for (let one = taken.find(covers); one; one = taken.find(covers)) plate.y = y < 0.5 ? one.y - height - 2 : one.y + one.height + 2;
    placed.push(plate);
    taken.push(plate);
  }
  return { type: "group", children: placed.flatMap((one) => [
    { type: "rect", shape: { x: one.x, y: one.y, width: one.width, height: one.height, r: 6 }, style: { fill: css("card"), stroke: css("line"), lineWidth: 1 } },
    { type: "text", style: { x: one.x + one.width / 2, y: one.y + one.height / 2, text: one.words, fill: one.ink, font: `${one.weight} ${one.size}px ${getComputedStyle(document.body).fontFamily}`, textAlign: "center", textVerticalAlign: "middle" } },
  ]) };
}

const MOST_MONTHS = 24;

/** The points of the path: the months, or the years if there are many months. Means are weighted by listens. */
function pathOf(state) {
  const months = state.person.path.filter((row) => row.month >= state.period.first.slice(0, 7) && row.month <= state.period.last.slice(0, 7));
  if (months.length <= MOST_MONTHS) return { unit: "month", months, stops: months.map((row) => ({ ...row, when: row.month })) };
  const years = Map.groupBy ? Map.groupBy(months, (row) => row.month.slice(0, 4)) : months.reduce((found, row) => found.set(row.month.slice(0, 4), [...(found.get(row.month.slice(0, 4)) || []), row]), new Map());
  const stops = [...years].map(([when, rows]) => {
    const listens = sum(rows.map((row) => row.listens));
    const mean = (of) => Math.round((1e4 * sum(rows.map((row) => row[of] * row.listens))) / listens) / 1e4;
    return { when, listens, valence: mean("valence"), energy: mean("energy") };
  });
  return { unit: "year", months, stops };
}

function mapSection(state) {
  const cells = new Map();
  for (const row of state.period.map) {
    const key = row.valence_cell * 100 + row.energy_cell;
    if (!cells.has(key)) cells.set(key, { x: row.valence_cell / 20, y: row.energy_cell / 20, counts: {} });
    cells.get(key).counts[row.mood] = (cells.get(key).counts[row.mood] || 0) + row.listens;
  }
  const list = [...cells.values()].map((one) => ({ ...one, total: sum(Object.values(one.counts)), mood: leading(one.counts) }));
  const most = Math.max(1, ...list.map((one) => one.total));
  const regions = MOODS.map((mood) => ({ mood, rows: state.period.map.filter((row) => row.mood === mood) })).filter((one) => one.rows.length).map((one) => ({ mood: one.mood, ...region(one.rows) }));
  const { unit, months, stops } = pathOf(state);
  const finding = list.length ? `Marks are listens by how positive (valence) and how intense (energy) they sound; each outline holds half of a mood's listens, the line goes through each ${unit}'s mean.` : "No labelled listens in this period.";
  const lines = (one) => [`valence ${one.x.toFixed(2)}, energy ${one.y.toFixed(2)}: ${plural(one.total, "listen")}`, ...MOODS.filter((mood) => one.counts[mood]).map((mood) => `${SIGNS[mood]} ${mood} ${one.counts[mood]}`)];
  const symbols = { Calm: "path://M50,0A50,50 0 1,0 50,100A50,50 0 1,0 50,0ZM50,20A30,30 0 1,1 50,80A30,30 0 1,1 50,20Z", Energetic: "triangle", Happy: "circle", Sad: "path://M0,0 L10,0 L5,9 Z" };
  const axis = (name, gap) => ({ type: "value", min: -0.09, max: 1.09, name, nameLocation: "middle", nameGap: gap, nameTextStyle: { color: css("soft") }, axisLabel: { color: css("soft"), customValues: [0, 0.5, 1] }, axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: false } });
  const corners = [["tense", 0, 1.06, "left"], ["excited", 1, 1.06, "right"], ["gloomy", 0, -0.06, "left"], ["content", 1, -0.06, "right"]];
  const frame = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0], ["-", "-"], [0, 0.5], [1, 0.5], ["-", "-"], [0.5, 0], [0.5, 1]];
  const ends = (at) => at === 0 || at === stops.length - 1;
  const option = () => ({
    tooltip: tooltip((found) => found.seriesId === "path" ? [`${written(stops[found.dataIndex].when)}: mean of ${plural(stops[found.dataIndex].listens, "listen")}`, `valence ${stops[found.dataIndex].valence}, energy ${stops[found.dataIndex].energy}`] : lines(list[found.dataIndex])),
    grid: { left: 46, right: 8, top: 4, bottom: 42 },
    xAxis: axis("valence: negative → positive", 26), yAxis: axis("energy: quiet → intense", 30),
    series: [
      { id: "cells", type: "scatter", data: list.map((one) => ({ value: [one.x, one.y, one.total], symbol: symbols[one.mood], symbolSize: 4 + 14 * Math.sqrt(one.total / most), itemStyle: { color: colour(one.mood), opacity: 0.75 } })), z: 3 },
      { id: "frame", type: "line", silent: true, showSymbol: false, data: frame, lineStyle: { color: css("line"), width: 1 }, z: 1 },
      ...regions.map((one) => ({ id: `region-${one.mood}`, type: "line", data: one.points, showSymbol: false, lineStyle: { color: colour(one.mood), width: 2.5, type: one.mood === "Calm" || one.mood === "Sad" ? "dashed" : "solid" }, silent: true, z: 4 })),
      { id: "halo", type: "line", silent: true, showSymbol: false, data: stops.map((row) => [row.valence, row.energy]), lineStyle: { color: css("card"), width: 5 }, z: 5 },
      { id: "path", type: "line", data: stops.map((row) => [row.valence, row.energy]), symbol: "circle", symbolSize: (value, found) => (ends(found.dataIndex) ? 9 : 6), lineStyle: { color: css("ink"), width: 1.5 }, itemStyle: { color: css("ink"), borderColor: css("card"), borderWidth: 1 }, z: 6 },
      { id: "corners", type: "scatter", silent: true, symbolSize: 0.1, label: { show: true, fontSize: 12, color: css("soft"), position: "inside" }, z: 7, data: corners.map(([name, x, y, align]) => ({ value: [x, y], label: { formatter: name, align } })) },
      { id: "names", type: "custom", silent: true, clip: false, z: 8, data: [[0, 0]], renderItem: (params, api) => drawPlates(api, [
        // A single mark needs no label, which would hide it.
        ...regions.filter((one) => one.cells > 1).map((one) => ({ x: one.mx, y: one.my, words: `${SIGNS[one.mood]} ${one.mood}`, size: 12, weight: 600, ink: css("ink"), beside: 0 })),
        ...stops.filter((_, at) => ends(at)).map((row) => ({ x: row.valence, y: row.energy, words: written(row.when), size: 11, weight: 400, ink: css("soft"), beside: 9 })),
      ], corners) },
    ],
  });
  const order = list.map((one, at) => at).sort((one, other) => list[other].y - list[one].y || list[one].x - list[other].x);
  const walk = { count: list.length, move: onAGrid(order.map((at) => [list[at].x, -list[at].y])), describe: (at) => lines(list[order[at]]).join(", "), at: (at) => ({ seriesIndex: 0, dataIndex: order[at] }) };
  return section("map", "Valence and energy", finding, {
    content: list.length ? [legend(MOODS), chart("map", `Map of listens. ${finding}`, 400, option, walk)] : [],
    numbers: [
      { caption: "Monthly means", header: ["month", "listens", "mean valence", "mean energy"], rows: months.map((row) => [row.month, row.listens, row.valence, row.energy]) },
      { caption: "Listens by valence and energy", header: ["valence", "energy", "mood", "listens"], rows: state.period.map.map((row) => [(row.valence_cell / 20).toFixed(2), (row.energy_cell / 20).toFixed(2), row.mood, row.listens]) },
    ], from: ["map", "path"],
  }, state);
}
