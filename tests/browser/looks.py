"""What a careful eye looks for on a page, as scripts that run in it: text that is cut or lies on other text."""

CUT_TEXT = """() => {
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    if (one.closest(".hidden, .skip, canvas, script, select") || !one.textContent.trim()) continue;
    const style = getComputedStyle(one);
    if (!["hidden", "clip"].includes(style.overflowX) && style.textOverflow !== "ellipsis") continue;
    const isCut = one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1;
    if (isCut) found.push(one.className + ": " + one.textContent.slice(0, 40));
  }
  return found;
}"""
"""Elements whose text is larger than they are and is hidden there."""

TEXT_ON_TEXT = """() => {
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    const unseen = ".hidden, .skip, .scroll, script, style, select, option, details:not([open]) > :not(summary)";
    if (!node.textContent.trim() || parent.closest(unseen)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) boxes.push({ box, node, words: node.textContent.slice(0, 40) });
  }
  const found = [];
  boxes.sort((one, other) => one.box.top - other.box.top);
  boxes.forEach((one, at) => {
    for (let next = at + 1; next < boxes.length && boxes[next].box.top < one.box.bottom; next += 1) {
      const other = boxes[next];
      const wide = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const high = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
      if (other.node !== one.node && wide > 2 && high > 4) found.push(one.words + " | " + other.words);
    }
  });
  return found;
}"""
"""Pairs of texts that lie on each other, outside pictures; boxes are taller than letters, so lines may touch."""

BROKEN_DATES = r"""() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest("script, style, pre")) continue;
    for (const date of node.textContent.matchAll(/\d{4}-\d\d(-\d\d)?|(\d+\s)?[A-Z][a-z]{2}\s\d{4}/g)) {
      const range = document.createRange();
      range.setStart(node, date.index);
      range.setEnd(node, date.index + date[0].length);
      if (new Set([...range.getClientRects()].map((box) => box.top)).size > 1) found.push(date[0]);
    }
  }
  return found;
}"""
"""Dates that begin on one line and end on another."""

IN_PICTURES = """() => {
  const found = [];
  for (const place of document.querySelectorAll(".chart")) {
    const picture = echarts.getInstanceByDom(place);
    (picture.getOption().calendar || []).forEach((_, at) => {
      const { x, width } = picture.getModel().getComponent("calendar", at).coordinateSystem.getRect();
      if (x + width > picture.getWidth()) found.push(`${place.id} cuts its calendar`);
    });
    const all = picture.getZr().storage.getDisplayList(true);
    const texts = all.filter((one) => one.type === "tspan" && one.style.text.trim() && !one.invisible && !one.ignore);
    const boxes = texts.map((one) => {
      const box = one.getBoundingRect().clone();
      const transform = one.getComputedTransform();
      if (transform) box.applyTransform(transform);
      return { box, words: one.style.text };
    });
    boxes.forEach(({ box, words }, at) => {
      const [right, bottom] = [picture.getWidth() + 1, picture.getHeight() + 1];
      const isCut = box.x < -1 || box.y < -1 || box.x + box.width > right || box.y + box.height > bottom;
      if (isCut) found.push(`${place.id} cuts ${words}`);
      for (const other of boxes.slice(at + 1)) {
        const wide = Math.min(box.x + box.width, other.box.x + other.box.width) - Math.max(box.x, other.box.x);
        const high = Math.min(box.y + box.height, other.box.y + other.box.height) - Math.max(box.y, other.box.y);
        if (wide > 1 && high > 2) found.push(`${place.id}: ${words} | ${other.words}`);
      }
    });
  }
  return found;
}"""
"""Texts in pictures that are cut by the picture's edge or lie on each other."""

DRAWN = """(id) => echarts.getInstanceByDom(document.getElementById(`${id}-chart`)).getOption()
  .series.map((series) => ({ id: series.id, name: series.name, data: series.data }))"""
"""What a chart has drawn, by series."""
