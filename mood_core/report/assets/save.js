const FONT = () => getComputedStyle(document.body).fontFamily;

/** A pen on a new canvas with the page's background. */
function blank(width, height) {
  const canvas = el("canvas");
  [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  pen.fillStyle = css("card");
  pen.fillRect(0, 0, width, height);
  return pen;
}

/** Write ``text`` from (x, y) on, with an ellipsis if it is wider than ``most``; returns the end. */
function write(pen, text, x, y, size, { weight = 400, ink = "ink", most = Infinity } = {}) {
  pen.font = `${weight} ${size}px ${FONT()}`;
  pen.fillStyle = css(ink);
  let letters = Array.from(text);
  while (letters.length > 1 && pen.measureText(letters.join("")).width > most) letters = [...letters.slice(0, -2), "…"];
  pen.fillText(letters.join(""), x, y);
  return x + pen.measureText(letters.join("")).width;
}

/** A mood's sign on its colour, as in the legend; (x, y) is the upper left corner. */
function writeSign(pen, mood, x, y, size) {
  pen.fillStyle = colour(mood);
  pen.fillRect(x, y, size, size);
  pen.font = `${size * 0.62}px ${FONT()}`;
  pen.fillStyle = inkOn(mood);
  pen.textAlign = "center";
  pen.fillText(SIGNS[mood], x + size / 2, y + size * 0.72);
  pen.textAlign = "left";
}

/** The legend, in lines up to the right edge; returns the lower end. */
function writeLegend(pen, left, top, right) {
  let [x, y] = [left, top];
  pen.font = `400 22px ${FONT()}`;
  for (const mood of ALL) {
    const width = 38 + pen.measureText(mood.toLowerCase()).width;
    if (x + width > right) [x, y] = [left, y + 36];
    writeSign(pen, mood, x, y, 28);
    x = write(pen, mood.toLowerCase(), x + 38, y + 22, 22, { ink: "soft" }) + 24;
  }
  return y + 28;
}

function download(pen, name) {
  pen.canvas.toBlob((blob) => {
    const link = el("a", { href: URL.createObjectURL(blob), download: `moodlog-${name}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
}

const SOURCE = "moodlog: moods are a model's estimate of how the music sounds";
const heading = ({ person, period }) => `${person.name}, ${spanned(period.first, period.last)}`;

/** Save a chart as a PNG with its title, person, period and legend. */
function saveChart(title, place, state) {
  const drawn = charts.find((one) => one.place === place).drawn.renderToCanvas({ pixelRatio: 2, backgroundColor: css("card") });
  const [edge, above, below] = [40, 196, 60];
  const pen = blank(drawn.width + 2 * edge, drawn.height + above + below);
  const right = pen.canvas.width - edge;
  write(pen, title, edge, 62, 40, { weight: 600, most: right - edge });
  write(pen, heading(state), edge, 100, 24, { ink: "soft", most: right - edge });
  writeLegend(pen, edge, 118, right);
  pen.drawImage(drawn, edge, above);
  write(pen, SOURCE, edge, pen.canvas.height - 22, 20, { ink: "soft", most: right - edge });
  download(pen, place.id.replace("-chart", ""));
}

/** Save the story as an upright PNG that is legible on a phone: the headline, and each mood's share, song and artist. */
function saveStory(state, moods) {
  const pen = blank(1080, 1350);
  const [left, right] = [64, 1016];
  const { minutes, timed } = minutesIn(state);
  const { listens } = state.period.totals[0];
  write(pen, state.person.name, left, 112, 64, { weight: 700, most: right - left });
  write(pen, spanned(state.period.first, state.period.last), left, 166, 34, { ink: "soft", most: right - left });
  write(pen, `${plural(listens, "listen")}${timed ? `, ${plural(minutes, "minute")}` : ""}`, left, 246, 44, { weight: 600, most: right - left });
  let x = left;
  for (const mood of ALL) {
    const width = listens ? ((right - left) * moods[mood]) / listens : 0;
    pen.fillStyle = colour(mood);
    pen.fillRect(x, 280, width, 40);
    x += width;
  }
  cardsOf(state).forEach((mood, at) => {
    const top = 368 + at * 226;
    const [track, artist] = ["tracks", "artists"].map((name) => state.period[name].find((row) => row.mood === mood));
    writeSign(pen, mood, left, top, 52);
    write(pen, mood === "Unlabelled" ? cardTitle(mood) : `${mood} ${percent(moods[mood], listens)}`, left + 72, top + 42, 44, { weight: 600 });
    const most = right - left - 72;
    if (!track) { write(pen, "nothing in this period", left + 72, top + 92, 32, { ink: "soft" }); return; }
    write(pen, track.track, left + 72, top + 98, 36, { most });
    write(pen, track.artists || "", left + 72, top + 142, 30, { ink: "soft", most });
    if (artist?.artists && artist.artists !== track.artists) write(pen, `Top artist: ${artist.artists}`, left + 72, top + 184, 30, { ink: "soft", most });
  });
  write(pen, SOURCE, left, 1312, 26, { ink: "soft", most: right - left });
  download(pen, "story");
}
