const LATELY = 30;
/** A change of a mood's share by fewer points is not worth a word. */
const NOTABLE = 3;

/** Listens by mood on the days from ``first`` to ``last``. */
function countIn(state, first, last) {
  const counts = Object.fromEntries(ALL.map((mood) => [mood, 0]));
  for (const day of daysOf({ period: { first, last } })) for (const mood of ALL) counts[mood] += dayCount(state.person.days[day], mood);
  return counts;
}

/** The same day of the year before. */
const yearBefore = (day) => `${Number(day.slice(0, 4)) - 1}${day.slice(4) === "-02-29" ? "-02-28" : day.slice(4)}`;

/** What is compared with the time before it: the period, or of the whole history the last 30 days; ``words`` name both. */
function compared({ period }) {
  const { label, first, last } = period;
  if (/^\d+$/.test(label)) {
    const whole = first.endsWith("-01-01") && last.endsWith("-12-31");
    return { now: [first, last], before: [yearBefore(first), yearBefore(last)], words: whole ? label - 1 : `the same days of ${label - 1}`, prefix: "" };
  }
  const days = label === "All" ? LATELY : daysBetween(first, last) + 1;
  const begin = addDays(last, 1 - days);
  return { now: [begin, last], before: [addDays(begin, -days), addDays(begin, -1)], words: `the ${days} days before`, prefix: label === "All" ? `In the last ${days} days: ` : "" };
}

/** The comparison with the period before, as a sentence. */
function comparison(state) {
  const { now, before, words, prefix } = compared(state);
  const begin = state.person.periods[0].first;
  if (before[0] < begin) return state.period.label === "All" ? `A comparison with the time before needs listens of ${2 * LATELY} days.` : "There are no listens of the whole period before to compare with.";
  const [counts, earlier] = [countIn(state, ...now), countIn(state, ...before)];
  const [total, past] = [sum(Object.values(counts)), sum(Object.values(earlier))];
  if (!past) return `${prefix}${plural(total, "listen")}; ${words} had none.`;
  const change = Math.round((100 * (total - past)) / past);
  const amount = `${prefix}${plural(total, "listen")}, ${change ? `${number.format(Math.abs(change))}% ${change > 0 ? "more" : "fewer"} than` : "as many as"} in ${words}`;
  return `${amount}${total ? largestMove(counts, total, earlier, past) : ""}.`;
}

/** The mood whose share changed most, in words; empty if no share changed much. */
function largestMove(counts, total, earlier, past) {
  const moves = MOODS.map((mood) => ({ mood, share: (100 * counts[mood]) / total, was: (100 * earlier[mood]) / past }));
  const size = (one) => Math.abs(one.share - one.was);
  const most = moves.reduce((best, one) => (size(one) > size(best) ? one : best));
  return size(most) < NOTABLE ? "" : `; ${most.mood.toLowerCase()} music ${most.share > most.was ? "rose" : "fell"} most, from ${Math.round(most.was)}% to ${Math.round(most.share)}%`;
}

/** One sentence about the person and the period. */
function headline(state, moods) {
  const { first, last } = state.period;
  const { listens } = state.period.totals[0];
  const name = Array.from(state.person.name);
  const who = el("bdi", {}, name.length > 40 ? `${name.slice(0, 40).join("")}…` : state.person.name);
  const begin = first.slice(0, 4) === last.slice(0, 4) ? written(first).slice(0, -5) : written(first);
  const when = first === last ? `on ${written(first)}` : `from ${begin} to ${written(last)}`;
  if (!listens) return [who, ` has no listens ${when}.`];
  const top = leading(moods);
  return [who, ` listened ${listens === 1 ? "once" : `${number.format(listens)} times`} ${when}`, ...(top ? [listens === 1 ? ", to " : ", most often to ", el("b", { class: `word ${top}` }, `${SIGNS[top]}\u00a0${top.toLowerCase()}`), " music."] : ["."])];
}

function minutesIn({ person, period }) {
  const rows = person.minutes.filter((row) => row.day >= period.first && row.day <= period.last && row.seconds !== null);
  return { minutes: Math.max(1, Math.round(sum(rows.map((row) => Math.round(row.seconds * 1000))) / 60000)), timed: sum(rows.map((row) => row.timed)) };
}

function tiles(state) {
  const totals = state.period.totals[0];
  const { minutes, timed } = minutesIn(state);
  const tile = (value, words) => el("li", {}, el("b", {}, value), el("span", {}, words));
  const hours = minutes >= 120 ? `, ${plural(Math.round(minutes / 60), "hour")}` : "";
  return el("ul", { class: "tiles" },
    tile(number.format(totals.listens), totals.listens === 1 ? "listen" : "listens"),
    tile(timed ? number.format(minutes) : "–", timed ? `${minutes === 1 ? "minute" : "minutes"} of music${hours}${timed < totals.listens ? ` (length known for ${percent(timed, totals.listens)})` : ""}` : "the lengths are not known"),
    tile(number.format(totals.tracks), totals.tracks === 1 ? "track" : "different tracks"),
    tile(number.format(totals.days), totals.days === 1 ? "day with listens" : "days with listens"));
}

/** The cards of the story: the moods, or one for all listens of a period in which none has a mood. */
const cardsOf = (state) => (state.period.totals[0].listens && !state.period.totals[0].labelled ? ["Unlabelled"] : MOODS);

const cardTitle = (mood) => (mood === "Unlabelled" ? "Most played" : mood);

/** Why a period has no moods yet, and the next command: what helps most of its listens. */
function withoutMoods({ person, period }) {
  const { unlabelled_reason: reason } = period.unlabelled[0];
  const found = person.forecast.remedies.find((text) => text.includes(` ${reason}: `));
  return inCode(`No moods yet: ${found ? found.replace(/^\d+% /, "") : `${reason}; \`moodlog run\` looks again`}.`);
}

/** A mood with its share, its most played track and artist. */
function moodCard(mood, moods, state) {
  const [track, artist] = ["tracks", "artists"].map((name) => state.period[name].find((row) => row.mood === mood));
  const line = (words, ...content) => el("div", { class: "top-one" }, el("span", { class: "by" }, words), ...content);
  return el("li", { class: `mood edge-${mood}${mood === "Unlabelled" ? " wide" : ""}` }, el("h3", {}, sign(mood), cardTitle(mood)),
    mood === "Unlabelled" ? null : el("p", { class: "share" }, el("b", {}, percent(moods[mood], state.period.totals[0].listens)), " of the listens"),
    track ? line("Top song", el("div", { class: "name" }, trackName(track)), el("div", { class: "by" }, track.artists ? bdi(track.artists) : null, `${track.artists ? " · " : ""}${number.format(track.listens)}\u00a0×`)) : el("p", { class: "by" }, "nothing in this period"),
    artist && artist.artists ? line("Top artist", el("div", { class: "name" }, bdi(artist.artists)), el("div", { class: "by" }, `${number.format(artist.listens)}\u00a0×`)) : null);
}

function storySection(state) {
  const { first, last } = state.period;
  const moods = countIn(state, first, last);
  const save = el("button", { type: "button", class: "save", "aria-label": "Save picture: the story" }, "Save picture");
  save.addEventListener("click", () => saveStory(state, moods));
  return el("section", { id: "story", "aria-labelledby": "headline", tabindex: "-1" },
    el("div", { class: "head" }, el("p", { id: "headline" }, ...headline(state, moods)), save),
    cardsOf(state) === MOODS ? null : el("p", { id: "moodless", class: "finding" }, ...withoutMoods(state)),
    el("p", { id: "comparison", class: "finding" }, comparison(state)),
    tiles(state), el("ul", { class: "moods" }, ...cardsOf(state).map((mood) => moodCard(mood, moods, state))),
    foot("Story", [], ["totals", "minutes", "days", "tracks", "artists"], state));
}
