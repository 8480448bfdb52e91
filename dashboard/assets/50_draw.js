/* Figures: drawn as they arrive; the zoom of one is the zoom of all. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const CONFIG = {
    displayModeBar: false,
    displaylogo: false,
    responsive: false, // one observer below watches all
    doubleClick: "reset+autosize",
    showTips: false,
  };
  const TIMINGS_KEPT = 200;
  const timings = []; // milliseconds of each drawing, for tests and curiosity

  /* What a user zoomed or hid stays through new data, until the view itself is another. */
  function keepZoom(layout, history) {
    const { run, x, xscale, window: range } = cockpit.state;
    layout.uirevision = `${run}|${x}|${xscale}`;
    for (const name of history) {
      if (layout[name]) layout[name].uirevision = `${layout.uirevision}|${JSON.stringify(range)}`;
    }
  }

  /* In a small card every pixel counts: the axis is named in the head of the page. */
  function compact(layout, history) {
    layout.margin = { l: 8, r: 8, t: 6, b: 4, pad: 0 }; // labels and legend push it outward
    for (const name of history) layout[name].title = { text: "" };
  }

  async function draw(card, { figure, history }) {
    const started = performance.now();
    const layout = figure.layout;
    card.history = history;
    keepZoom(layout, history);
    layout.autosize = true;
    card.figure = { data: figure.data, layout: structuredClone(layout) }; // as it is saved
    if (cockpit.state.focus !== card.name) compact(layout, history);
    cockpit.fillRows(card, figure);
    await window.Plotly.react(card.plot, figure.data, layout, CONFIG);
    if (!card.drawn) {
      listen(card);
      cockpit.shareCrosshair(card);
      cockpit.listenRows(card);
    }
    card.drawn = true;
    timings.push(performance.now() - started);
    if (timings.length > TIMINGS_KEPT) timings.shift();
  }

  function listen(card) {
    card.plot.on("plotly_relayout", (change) => {
      const window_ = zoomed(card, change);
      if (window_ !== undefined) cockpit.set({ window: window_ });
    });
  }

  /* The range that the user zoomed the shared axis to; null: all; undefined: another change. */
  function zoomed(card, change) {
    for (const name of card.history) {
      if (change[`${name}.autorange`]) return null;
      const low = change[`${name}.range[0]`] ?? change[`${name}.range`]?.[0];
      const high = change[`${name}.range[1]`] ?? change[`${name}.range`]?.[1];
      const value = cockpit.state.xscale === "log" ? (end) => 10 ** end : Number; // plotly has exponents
      if (low !== undefined && high !== undefined) return [value(low), value(high)];
    }
    return undefined;
  }

  function undraw(card) {
    resized.unobserve(card.plot);
    seen.unobserve(card.node);
    window.Plotly.purge(card.plot);
  }

  const cardOf = (node) => cockpit.cards.get(node.closest(".card").dataset.name);

  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const card = cardOf(target);
      if (card && card.drawn && target.offsetParent !== null) {
        window.Plotly.Plots.resize(target).then(() => cockpit.fitRows(card));
      }
    }
  });

  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const card = cardOf(entry.target);
        if (card) card.visible = entry.isIntersecting;
      }
      if (entries.some((entry) => entry.isIntersecting)) cockpit.refresh();
    },
    { rootMargin: "150px" },
  );

  /* Draw a card only while it is on the screen, and at its size. */
  function watch(card) {
    resized.observe(card.plot);
    seen.observe(card.node);
  }

  Object.assign(cockpit, { draw, undraw, watch, timings });
})();
