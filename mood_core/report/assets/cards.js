/** Make letters smaller where a text is wider than its place: widths depend on the fonts of the machine. */
for (const text of document.querySelectorAll(".story text[data-most]")) {
  const [width, most] = [text.getComputedTextLength(), Number(text.dataset.most)];
  if (width > most) text.setAttribute("font-size", Number(text.getAttribute("font-size")) * (most / width));
}

/** Save a card, an SVG of 1080 x 1350, as a PNG. */
for (const button of document.querySelectorAll("[data-card]")) {
  button.addEventListener("click", () => {
    const svg = document.getElementById(button.dataset.card).querySelector("svg");
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [1080, 1350];
      canvas.getContext("2d").drawImage(image, 0, 0);
      canvas.toBlob((blob) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = `${button.dataset.name}.png`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      });
    };
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
  });
}
