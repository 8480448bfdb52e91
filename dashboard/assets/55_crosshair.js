/* The step under the pointer, in all histories at once. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { element } = cockpit.dom;

  /* One line for each axis of the card that is the course of the run. */
  function linesOf(card) {
    if (!card.crosshairs) {
      card.crosshairs = card.history.map(() => element("div", { class: "crosshair", hidden: true }));
      card.plot.parentElement.append(...card.crosshairs);
    }
    return card.crosshairs;
  }

  function showAt(card, value) {
    const layout = card.plot._fullLayout;
    linesOf(card).forEach((line, i) => {
      const x = layout && layout[card.history[i]];
      const at = x ? x._offset + x.d2p(value) : NaN;
      const y = x && layout[`yaxis${x.anchor.slice(1)}`];
      line.hidden = !y || !(at >= x._offset && at <= x._offset + x._length);
      if (line.hidden) return;
      line.style.transform = `translateX(${at}px)`;
      line.style.top = `${y._offset}px`;
      line.style.height = `${y._length}px`;
    });
  }

  function listen(card) {
    card.plot.on("plotly_hover", (event) => {
      const point = event.points.find((p) => card.history.includes(p.xaxis._name));
      if (!point) return;
      for (const other of cockpit.cards.values()) {
        if (other !== card && other.drawn && other.present) showAt(other, point.x);
      }
    });
    card.plot.on("plotly_unhover", () => {
      for (const other of cockpit.cards.values()) {
        if (other.crosshairs) other.crosshairs.forEach((line) => (line.hidden = true));
      }
    });
  }

  cockpit.shareCrosshair = listen;
})();
