const PARTS = { story: "Story", calendar: "Calendar", share: "Shares", hours: "Times", map: "Map", tracks: "Tracks", artists: "Artists", labels: "About these labels" };
const keyOf = (period) => period.label.toLowerCase().replace("last ", "").replaceAll(" ", "-");

/** The part of the address after #: the person, the period, and a part of the page. */
function address({ person, period }, part) {
  const words = new URLSearchParams();
  if (DATA.people.length > 1) words.set("person", person.user_id);
  words.set("period", keyOf(period));
  if (part) words.set("part", part);
  return `#${words}`;
}

/** The person, period and part of the address; the first person and period if it names none. */
function fromAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const person = DATA.people.find((one) => one.user_id === wanted.get("person")) || DATA.people[0];
  const period = person.periods.find((one) => keyOf(one) === wanted.get("period")) || person.periods[0];
  return { person, period, part: PARTS[wanted.get("part")] && wanted.get("part") };
}

const NO_ACCOUNT = "No account is connected yet: run `moodlog import FILE` or `moodlog connect`. Then make the page again.";

/** ``text`` with its parts between backquotes as code. */
const inCode = (text) => text.split("`").map((part, at) => (at % 2 ? el("code", {}, part) : part));

const hasListens = (person) => Object.keys(person.days).length > 0;

function lead(state) {
  const { first, last } = DATA.asked;
  if (hasListens(state.person)) return "";
  if (first || last) return `No listens are stored${first ? ` from ${written(first)} on` : ""}${last ? ` up to ${written(last)}` : ""}.`;
  return inCode("No listens are stored yet: `moodlog run` pulls the last 50, `moodlog import` imports a whole history. Then make the page again.");
}

function show(state, focus) {
  for (const one of charts.splice(0)) if (one.drawn) one.drawn.dispose();
  const look = document.documentElement.dataset.paper ? "light" : document.getElementById("look").value;
  const dark = look === "dark" || (look === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.look = dark ? "dark" : "light";
  document.getElementById("title").replaceChildren(bdi(state.person.name));
  document.title = `Moods of ${state.person.name}`;
  document.getElementById("lead").replaceChildren(...[lead(state)].flat());
  const known = hasListens(state.person);
  for (const id of ["period-label", "guide"]) document.getElementById(id).hidden = !known;
  const main = document.getElementById("main");
  if (!known) { main.replaceChildren(); return; }
  const { period } = state;
  main.replaceChildren(storySection(state), el("div", { class: "grid" },
    calendarSection(state), shareSection(state), hoursSection(state), mapSection(state),
    topSection("tracks", "Top tracks by mood", "The most played tracks of each mood.", period.tracks, trackName, (row) => row.artists, state),
    topSection("artists", "Top artists by mood", "The most played artists of each mood. Artists of one track count as one.", period.artists, (row) => bdi(row.artists), () => null, state)),
  el("div", { id: "labels", class: "grid", tabindex: "-1" }, el("div", { class: "wide" }, el("h2", {}, PARTS.labels), el("p", { id: "quality", class: "finding" }, ABOUT, DATA.quality)),
    labelsSection("confident", "Most confident labels", "The bar shows the model's four probabilities.", state),
    labelsSection("uncertain", "Most uncertain labels", "The moods have similar probabilities: use these labels with care.", state),
    coverageSection(state)));
  drawCharts();
  document.getElementById("parts").replaceChildren(...Object.entries(PARTS).map(([part, words]) => el("a", { href: address(state, part) }, words)));
  if (focus) document.getElementById(focus).focus();
}

const ABOUT = "A mood is a model's estimate of how the music sounds, not of how somebody felt. ";

/** Show what the address says: only scroll if the person and the period stay. */
function follow(state) {
  if (location.hash.length > 1 && !location.hash.includes("=")) return; // the link that skips the header
  const { person, period, part } = fromAddress();
  if (person !== state.person || period !== state.period) {
    Object.assign(state, { person, period });
    fillControls(state);
    show(state);
  }
  const place = part && document.getElementById(part);
  if (place) { place.scrollIntoView(); place.focus({ preventScroll: true }); }
}

function fillControls(state) {
  document.getElementById("person").value = String(DATA.people.indexOf(state.person));
  document.getElementById("period").replaceChildren(...state.person.periods.map((one) => el("option", { value: keyOf(one) }, one.label)));
  document.getElementById("period").value = keyOf(state.period);
}

/** Lay the page out for paper, in the light look, and draw at once. */
function print(state, paper) {
  if (paper) document.documentElement.dataset.paper = "yes";
  else delete document.documentElement.dataset.paper;
  show(state);
  for (const one of charts) one.drawn.getZr().refreshImmediately();
}

function start() {
  const made = new Date(DATA.made_at);
  const here = new Date(made - made.getTimezoneOffset() * 60000).toISOString(); // as the reader's clocks show it
  const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(made).find((part) => part.type === "timeZoneName").value;
  document.getElementById("made").textContent = `Made by moodlog on ${atMinute(here.slice(0, 16))} (${zone}). ${ABOUT}`;
  document.getElementById("legend").replaceChildren(...ALL.map((mood) => el("li", {}, sign(mood), mood.toLowerCase())));
  if (!DATA.people.length) { document.getElementById("lead").replaceChildren(...inCode(NO_ACCOUNT)); document.querySelector(".controls").hidden = true; document.getElementById("guide").hidden = true; return; }
  const state = { smooth: 1 };
  const [people, periods] = [document.getElementById("person"), document.getElementById("period")];
  people.replaceChildren(...DATA.people.map((one, at) => el("option", { value: String(at) }, one.name)));
  document.getElementById("person-label").hidden = DATA.people.length === 1;
  const go = (person, key) => { location.hash = address({ person, period: person.periods.find((one) => keyOf(one) === key) || person.periods[0] }); follow(state); };
  people.addEventListener("change", () => go(DATA.people[Number(people.value)], keyOf(state.period)));
  periods.addEventListener("change", () => go(state.person, periods.value));
  addEventListener("hashchange", () => follow(state));
  addEventListener("beforeprint", () => print(state, true));
  addEventListener("afterprint", () => print(state, false));
  document.getElementById("look").addEventListener("change", () => show(state));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(state));
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width && !document.documentElement.dataset.paper) { width = innerWidth; show(state); } });
  follow(state);
  if (!state.person) { Object.assign(state, fromAddress()); fillControls(state); show(state); }
}
readData().then((data) => { DATA = data; start(); }, () => {
  document.getElementById("lead").textContent = "This browser cannot unpack a page of this size; use a newer browser, or make one page per person.";
});
