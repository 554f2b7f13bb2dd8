/** Where half of a mood's listens lie, if they spread evenly around their mean: an ellipse from mean and covariance. */
function region(rows) {
  const total = sum(rows.map((row) => row.listens));
  const mean = (of) => sum(rows.map((row) => of(row) * row.listens)) / total;
  const x = (row) => row.valence_cell / 20;
  const y = (row) => row.energy_cell / 20;
  const [mx, my] = [mean(x), mean(y)];
  const [xx, yy, xy] = [mean((row) => (x(row) - mx) ** 2) + 2e-4, mean((row) => (y(row) - my) ** 2) + 2e-4, mean((row) => (x(row) - mx) * (y(row) - my))];
  const middle = (xx + yy) / 2;
  const spread = Math.hypot((xx - yy) / 2, xy);
  const angle = Math.atan2(2 * xy, xx - yy) / 2;
  const [a, b] = [1.18 * Math.sqrt(middle + spread), 1.18 * Math.sqrt(Math.max(2e-4, middle - spread))];
  const clip = (value) => Math.min(1, Math.max(0, value));
  const points = Array.from({ length: 49 }, (_, step) => {
    const turn = (step * Math.PI) / 24;
    const [u, v] = [a * Math.cos(turn), b * Math.sin(turn)];
    return [clip(mx + u * Math.cos(angle) - v * Math.sin(angle)), clip(my + u * Math.sin(angle) + v * Math.cos(angle))];
  });
  return { total, mx, my, points };
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
  const path = state.person.path.filter((row) => row.month >= state.period.first.slice(0, 7) && row.month <= state.period.last.slice(0, 7));
  const finding = list.length ? "Marks are listens by how positive (valence) and how intense (energy) they sound; outlines hold about half of each mood; the line is each month's mean." : "No labelled listens in this period.";
  const lines = (one) => [`valence ${one.x.toFixed(2)}, energy ${one.y.toFixed(2)}: ${plural(one.total, "listen")}`, ...MOODS.filter((mood) => one.counts[mood]).map((mood) => `${SIGNS[mood]} ${mood} ${one.counts[mood]}`)];
  const symbols = { Calm: "emptyCircle", Energetic: "triangle", Happy: "circle", Sad: "path://M0,0 L10,0 L5,9 Z" };
  const axis = (name, gap) => ({ type: "value", min: 0, max: 1, name, nameLocation: "middle", nameGap: gap, interval: 0.25, nameTextStyle: { color: css("soft") }, axisLabel: { color: css("soft"), formatter: (value) => (value === 0.25 || value === 0.75 ? "" : value) }, axisLine: { show: false }, axisTick: { show: false }, splitLine: { lineStyle: { color: css("line"), type: "dashed" } } });
  const corners = [["tense", 0.02, 0.98, "left"], ["excited", 0.98, 0.98, "right"], ["gloomy", 0.02, 0.02, "left"], ["content", 0.98, 0.02, "right"]];
  const option = () => ({
    tooltip: tooltip((found) => found.seriesId === "path" ? [`${path[found.dataIndex].month}: mean of ${plural(path[found.dataIndex].listens, "listen")}`, `valence ${path[found.dataIndex].valence}, energy ${path[found.dataIndex].energy}`] : found.seriesId === "cells" ? lines(list[found.dataIndex]) : [found.seriesName]),
    grid: { left: 46, right: 14, top: 12, bottom: 42 },
    xAxis: axis("valence: negative → positive", 26), yAxis: axis("energy: quiet → intense", 30),
    series: [
      { id: "cells", type: "scatter", data: list.map((one) => ({ value: [one.x, one.y, one.total], symbol: symbols[one.mood], symbolSize: 4 + 14 * Math.sqrt(one.total / most), itemStyle: { color: colour(one.mood), opacity: 0.75 } })) },
      ...regions.map((one) => ({ name: `${one.mood}, ${plural(one.total, "listen")}`, type: "line", data: one.points, showSymbol: false, lineStyle: { color: colour(one.mood), width: 2, type: one.mood === "Calm" || one.mood === "Sad" ? "dashed" : "solid" }, areaStyle: undefined, silent: true, markPoint: undefined })),
      { id: "names", type: "scatter", silent: true, symbolSize: 0.1, data: [...regions.map((one) => ({ value: [one.mx, one.my], label: { formatter: `${SIGNS[one.mood]} ${one.mood}`, color: css("ink"), fontWeight: 700, backgroundColor: css("card"), borderRadius: 6, padding: [3, 6] } })), ...corners.map(([name, x, y, align]) => ({ value: [x, y], label: { formatter: name, color: css("soft"), align, position: "inside" } }))], label: { show: true }, z: 6 },
      { id: "path", type: "line", data: path.map((row) => [row.valence, row.energy]), symbol: "circle", symbolSize: 6, lineStyle: { color: css("ink"), width: 1.5 }, itemStyle: { color: css("ink") }, label: { show: true, formatter: (found) => (found.dataIndex === 0 || found.dataIndex === path.length - 1 ? path[found.dataIndex].month : ""), color: css("ink"), position: "bottom", fontSize: 10 }, labelLayout: { hideOverlap: true }, z: 7 },
    ],
  });
  return section("map", "Valence and energy", finding, {
    content: list.length ? [legend(MOODS), chart("map", `Map of listens. ${finding}`, 380, option, list.length, (at) => lines(list[at]).join(", "))] : [],
    numbers: { header: ["month", "listens", "mean valence", "mean energy"], rows: path.map((row) => [row.month, row.listens, row.valence, row.energy]) }, from: ["map", "path"],
  }, state);
}
