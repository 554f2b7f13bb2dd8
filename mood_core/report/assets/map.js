/** A mood's mean place, weighted by listens. */
function middle(mood, rows) {
  const total = sum(rows.map((row) => row.listens));
  const mean = (name) => sum(rows.map((row) => row[name] * row.listens)) / total / 20;
  return { mood, x: mean("valence_cell"), y: mean("energy_cell"), cells: rows.length };
}

/** The moods' names at their means, each moved up or down until it overlaps no earlier one. */
function drawNamesOnMap(api, wanted) {
  const [size, height] = [12, 22];
  const placed = [];
  for (const { mood, x, y } of wanted) {
    const words = `${SIGNS[mood]} ${mood}`;
    const [px, py] = api.coord([x, y]);
    const width = words.length * size * 0.6 + 16;
    const plate = { x: px - width / 2, y: py - height / 2, width, words, mood };
    const covers = (one) => plate.x < one.x + one.width && one.x < plate.x + plate.width && plate.y < one.y + height && one.y < plate.y + height;
    for (let one = placed.find(covers); one; one = placed.find(covers)) plate.y = y < 0.5 ? one.y + height + 2 : one.y - height - 2;
    placed.push(plate);
  }
  return { type: "group", children: placed.flatMap((one) => [
    { type: "rect", shape: { x: one.x, y: one.y, width: one.width, height, r: 11 }, style: { fill: css("card"), stroke: colour(one.mood), lineWidth: 2 } },
    { type: "text", style: { x: one.x + one.width / 2, y: one.y + height / 2, text: one.words, fill: css("ink"), font: `600 ${size}px ${getComputedStyle(document.body).fontFamily}`, textAlign: "center", textVerticalAlign: "middle" } },
  ]) };
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
  const middles = MOODS.map((mood) => [mood, state.period.map.filter((row) => row.mood === mood)]).filter(([, rows]) => rows.length).map(([mood, rows]) => middle(mood, rows));
  const finding = list.length ? "Listens by how positive (valence) and how intense (energy) the music sounds. A larger mark means more listens; each name is at its mood's mean." : "No labelled listens in this period.";
  const lines = (one) => [`valence ${one.x.toFixed(2)}, energy ${one.y.toFixed(2)}: ${plural(one.total, "listen")}`, ...MOODS.filter((mood) => one.counts[mood]).map((mood) => `${SIGNS[mood]} ${mood} ${one.counts[mood]}`)];
  const symbols = { Calm: "path://M50,0A50,50 0 1,0 50,100A50,50 0 1,0 50,0ZM50,20A30,30 0 1,1 50,80A30,30 0 1,1 50,20Z", Energetic: "triangle", Happy: "circle", Sad: "path://M0,0 L10,0 L5,9 Z" };
  const axis = (name, gap) => ({ type: "value", min: -0.05, max: 1.05, name, nameLocation: "middle", nameGap: gap, nameTextStyle: { color: css("soft") }, axisLabel: { show: false }, axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: false } });
  const frame = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0], ["-", "-"], [0, 0.5], [1, 0.5], ["-", "-"], [0.5, 0], [0.5, 1]];
  const option = () => ({
    tooltip: tooltip((found) => lines(list[found.dataIndex])),
    grid: { left: 28, right: 8, top: 4, bottom: 28 },
    xAxis: axis("negative ← valence → positive", 8), yAxis: axis("quiet ← energy → intense", 8),
    series: [
      { id: "cells", type: "scatter", data: list.map((one) => ({ value: [one.x, one.y, one.total], symbol: symbols[one.mood], symbolSize: 5 + 17 * Math.sqrt(one.total / most), itemStyle: { color: colour(one.mood), opacity: 0.8 } })), z: 3 },
      { id: "frame", type: "line", silent: true, showSymbol: false, data: frame, lineStyle: { color: css("line"), width: 1 }, z: 1 },
      // A mood with a single mark needs no name, which would hide it.
      { id: "names", type: "custom", silent: true, clip: false, z: 8, data: [[0, 0]], renderItem: (params, api) => drawNamesOnMap(api, middles.filter((one) => one.cells > 1)) },
    ],
  });
  const order = list.map((one, at) => at).sort((one, other) => list[other].y - list[one].y || list[one].x - list[other].x);
  const walk = { count: list.length, move: onAGrid(order.map((at) => [list[at].x, -list[at].y])), describe: (at) => lines(list[order[at]]).join(", "), at: (at) => ({ seriesIndex: 0, dataIndex: order[at] }) };
  return section("map", "Valence and energy", finding, {
    content: list.length ? [chart("map", `Map of listens. ${finding}`, 340, option, walk)] : [],
    numbers: [{ header: ["valence", "energy", "mood", "listens"], rows: state.period.map.map((row) => [(row.valence_cell / 20).toFixed(2), (row.energy_cell / 20).toFixed(2), row.mood, row.listens]) }], from: ["map"],
  }, state);
}
