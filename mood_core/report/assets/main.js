const PARTS = { calendar: "Calendar", share: "Share", hours: "Hours", transitions: "Transitions", map: "Map", streaks: "Streaks", tracks: "Tracks", artists: "Artists", confident: "Confident labels", uncertain: "Uncertain labels", coverage: "Coverage and gaps" };

function tiles(state) {
  const totals = state.period.totals[0];
  const moods = Object.fromEntries(MOODS.map((mood) => [mood, sum(daysOf(state).map((day) => dayCount(state.person.days[day], mood)))]));
  const top = leading(moods);
  const streak = state.period.streaks[0];
  const tile = (value, words, mood) => el("li", {}, el("b", {}, mood ? sign(mood) : null, value), el("span", {}, words));
  return el("div", { id: "tiles" }, el("ul", { class: "tiles" },
    tile(number.format(totals.listens), totals.listens === 1 ? "listen" : "listens"),
    tile(top || "–", top ? `leads with ${percent(moods[top], totals.listens)} of listens` : "no mood yet", top),
    tile(streak ? plural(streak.days, "day") : "–", streak ? `of ${streak.mood} in a row, the longest` : "no streak yet", streak && streak.mood),
    tile(number.format(totals.tracks), totals.tracks === 1 ? "track" : "different tracks"),
    tile(number.format(totals.days), totals.days === 1 ? "day with listens" : "days with listens"),
    tile(percent(totals.labelled, totals.listens), "of listens have a mood")),
  foot("Totals", [], ["totals", "days", "streaks"], state));
}

function lead(state) {
  const { first, last } = DATA.asked;
  if (!Object.keys(state.person.days).length && (first || last)) return `No listens are stored${first ? ` from ${written(first)} on` : ""}${last ? ` up to ${written(last)}` : ""}.`;
  if (!Object.keys(state.person.days).length) return ["No listens are stored yet: ", el("code", {}, "moodlog run"), " pulls the last 50, ", el("code", {}, "moodlog import"), " imports a whole history. Then make the page again."];
  return `Moods of the listens of ${spanned(state.period.first, state.period.last)}, in the time zone ${state.person.timezone}.`;
}

function show(state, focus) {
  for (const one of charts.splice(0)) if (one.drawn) one.drawn.dispose();
  const look = document.getElementById("look").value;
  const dark = look === "dark" || (look === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.look = dark ? "dark" : "light";
  document.getElementById("title").replaceChildren(bdi(state.person.name));
  document.title = `Moods of ${state.person.name}`;
  document.getElementById("lead").replaceChildren(...[lead(state)].flat());
  document.getElementById("period-label").hidden = !Object.keys(state.person.days).length;
  const main = document.getElementById("main");
  document.getElementById("parts").hidden = !Object.keys(state.person.days).length;
  if (!Object.keys(state.person.days).length) { main.replaceChildren(); return; }
  main.replaceChildren(tiles(state), el("div", { class: "grid" },
    calendarSection(state), shareSection(state), hoursSection(state), transitionsSection(state), mapSection(state), streaksSection(state),
    topSection("tracks", "Top tracks by mood", "The most played tracks of each mood.", state.period.tracks, (row) => row.track, (row) => row.artists, state),
    topSection("artists", "Top artists by mood", "The most played artists of each mood. Artists of one track count as one.", state.period.artists, (row) => row.artists, () => null, state),
    labelsSection("confident", "Most confident labels", "The bar shows the model's four probabilities.", state),
    labelsSection("uncertain", "Most uncertain labels", "The moods have similar probabilities: use these labels with care.", state),
    coverageSection(state)));
  drawCharts();
  const parts = [...main.querySelectorAll("section")].map((one) => el("a", { href: `#${one.id}` }, PARTS[one.id]));
  document.getElementById("parts").replaceChildren(...parts);
  if (focus) document.getElementById(focus).focus();
}

function start() {
  document.getElementById("made").textContent = `Made by moodlog on ${atMinute(DATA.made_at.slice(0, 16))} UTC. A listen's mood is a model's estimate of how the music sounds, not of how somebody felt.`;
  document.getElementById("quality").textContent = DATA.quality;
  if (!DATA.people.length) { document.getElementById("lead").replaceChildren("No account is connected yet: ", el("code", {}, "moodlog connect"), " connects one."); document.querySelector(".controls").hidden = true; document.getElementById("parts").hidden = true; return; }
  const state = { person: DATA.people[0], period: DATA.people[0].periods[0], smooth: 1 };
  const [people, periods] = [document.getElementById("person"), document.getElementById("period")];
  const fill = () => periods.replaceChildren(...state.person.periods.map((one, at) => el("option", { value: String(at) }, one.label)));
  people.replaceChildren(...DATA.people.map((one, at) => el("option", { value: String(at) }, one.name)));
  document.getElementById("person-label").hidden = DATA.people.length === 1;
  people.addEventListener("change", () => { state.person = DATA.people[Number(people.value)]; state.period = state.person.periods[0]; fill(); show(state); });
  periods.addEventListener("change", () => { state.period = state.person.periods[Number(periods.value)]; show(state); });
  document.getElementById("look").addEventListener("change", () => show(state));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(state));
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; show(state); } });
  fill();
  show(state);
}
readData().then((data) => { DATA = data; start(); }, () => {
  document.getElementById("lead").textContent = "This browser cannot unpack a page of this size; use a newer browser, or make one page per person.";
});
