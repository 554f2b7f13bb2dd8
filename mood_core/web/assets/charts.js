/** Draw the charts of the period in the element with the data. */
function show(state, focus) {
  for (const one of charts.splice(0)) if (one.drawn) one.drawn.dispose();
  document.getElementById("charts").replaceChildren(shareSection(state), hoursSection(state), mapSection(state));
  drawCharts();
  if (focus) document.getElementById(focus).focus();
}

readData().then((data) => {
  DATA = data;
  const [person] = data.people;
  const state = { person, period: person.periods[0], smooth: 1 };
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; show(state); } });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(state));
  const redraw = () => { show(state); for (const one of charts) if (one.drawn) one.drawn.getZr().refreshImmediately(); };
  for (const event of ["beforeprint", "afterprint"]) addEventListener(event, redraw);
  show(state);
});
