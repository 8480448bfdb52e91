/* Contrast of every text that is on the page, and of every line and point that plotly drew.
 * Reference: WCAG 2.2, relative luminance and contrast ratio. */
() => {
  const parse = (text) => {
    const hex = /^#([0-9a-f]{6})$/i.exec(text);
    if (hex) return [0, 2, 4].map((i) => parseInt(hex[1].slice(i, i + 2), 16)).concat(1);
    const numbers = (text.match(/[\d.]+/g) || []).map(Number);
    return numbers.length === 3 ? numbers.concat(1) : numbers.length === 4 ? numbers : null;
  };
  const over = ([r, g, b, a], [R, G, B]) => [r, g, b].map((c, i) => c * a + [R, G, B][i] * (1 - a)).concat(1);
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((c) => {
      const s = c / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const visible = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const opacity = (node) => (node ? Number(getComputedStyle(node).opacity) * opacity(node.parentElement) : 1);
  const behind = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color && color[3] > 0) layers.push(color);
      if (color && color[3] === 1) break;
    }
    return layers.reverse().reduce((below, color) => over(color, below), [255, 255, 255, 1]);
  };
  const surface = (node) => {
    const plot = node.closest(".plot");
    return plot && plot._fullLayout ? parse(plot._fullLayout.paper_bgcolor) : behind(node);
  };

  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const said = walker.currentNode.textContent.trim();
    if (!said || !visible(node) || node.closest("[hidden], script, style, noscript, [disabled]")) continue;
    if (node.getBoundingClientRect().width === 0) continue;
    const style = getComputedStyle(node);
    const color = parse(node instanceof SVGElement ? style.fill : style.color);
    if (!color) continue;
    color[3] *= opacity(node);
    const below = surface(node);
    texts.push({ said: said.slice(0, 40), of: node.className.baseVal ?? node.className, ratio: ratio(over(color, below), below) });
  }

  const marks = [];
  for (const card of cockpit.cards.values()) {
    if (!card.present || !card.drawn) continue;
    const below = parse(card.plot._fullLayout.plot_bgcolor);
    for (const trace of card.plot._fullData) {
      const faint = trace.opacity < 1 || (trace.fill && trace.fill !== "none");
      const color = trace.mode && trace.mode.includes("lines") ? trace.line.color : trace.marker && trace.marker.color;
      const parsed = typeof color === "string" ? parse(color) : null;
      if (parsed && !faint && parsed[3] === 1) {
        marks.push({ said: card.name, of: trace.name, ratio: ratio(parsed, below) });
      }
    }
  }
  return { texts, marks };
}
