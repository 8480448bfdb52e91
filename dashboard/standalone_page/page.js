/* Draws the figures that travel in this file; needs no server. */
(async function () {
  "use strict";
  const CONFIG = { displayModeBar: false, displaylogo: false, doubleClick: "reset+autosize", showTips: false };
  const root = document.documentElement;
  const cards = [...document.querySelectorAll(".card")];
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = root.dataset.theme;

  async function unpack(name) {
    const bytes = Uint8Array.from(atob(document.getElementById(name).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  function theme() {
    return chosen === "system" ? (system.matches ? "dark" : "light") : chosen;
  }

  function applyTheme() {
    root.dataset.mantineColorScheme = theme();
    document.getElementById("theme").textContent = theme() === "dark" ? "Light" : "Dark";
  }

  applyTheme();
  let figures;
  try {
    const script = document.createElement("script");
    script.textContent = await unpack("plotly");
    document.head.append(script);
    figures = JSON.parse(await unpack("figures"));
  } catch (error) {
    for (const plot of document.querySelectorAll(".plot")) {
      plot.classList.add("failed");
      plot.textContent = "This browser is too old to draw the picture.";
    }
    throw error;
  }

  /* In a small card every pixel counts. */
  function layoutOf(card, figure, history) {
    const layout = structuredClone(figure.layout);
    layout.autosize = true;
    layout.uirevision = "kept";
    if (!card.hasAttribute("data-focused")) layout.margin = { l: 8, r: 8, t: 6, b: 4, pad: 0 };
    return layout;
  }

  async function draw(card) {
    const packed = figures[cards.indexOf(card)];
    const plot = card.querySelector(".plot");
    const figure = packed[theme()];
    await window.Plotly.react(plot, figure.data, layoutOf(card, figure, packed.history), CONFIG);
    if (!card.drawn) plot.on("plotly_relayout", (change) => share(card, packed.history, change));
    card.drawn = theme();
  }

  let sharing = false;

  /* The zoom of one history is the zoom of all. */
  async function share(card, history, change) {
    if (sharing) return;
    for (const name of history) {
      const low = change[`${name}.range[0]`];
      const high = change[`${name}.range[1]`];
      const all = change[`${name}.autorange`];
      if (!all && (low === undefined || high === undefined)) continue;
      sharing = true;
      await Promise.all(cards.map((other, i) => other.drawn && zoom(other, figures[i].history, all, [low, high])));
      sharing = false;
      return;
    }
  }

  function zoom(card, history, all, range) {
    const change = {};
    for (const name of history) {
      if (all) change[`${name}.autorange`] = true;
      else change[`${name}.range`] = range;
    }
    return history.length ? window.Plotly.relayout(card.querySelector(".plot"), change) : null;
  }

  function focus(card, on) {
    for (const other of cards) other.removeAttribute("data-focused");
    card.toggleAttribute("data-focused", on);
    document.body.toggleAttribute("data-focus", on);
    const label = on ? "Back to all instruments" : "Full screen";
    card.querySelector(".expand").setAttribute("aria-label", label);
    draw(card);
    if (!on) card.scrollIntoView({ block: "center" });
  }

  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.closest(".card").drawn && target.offsetParent) window.Plotly.Plots.resize(target);
    }
  });
  /* One after the other, so that the page can be used meanwhile. */
  async function drawAll() {
    applyTheme();
    const wanted = theme();
    for (const card of cards) {
      if (wanted === theme() && card.drawn !== wanted) await draw(card);
    }
  }

  /* The columns of the live page. */
  const cockpit = window.cockpit;
  cockpit.cards = new Map(
    cards.map((node) => {
      const { name, size } = node.dataset;
      const group = node.closest(".group").dataset.group;
      return [name, { name, node, size, present: true, described: { group } }];
    }),
  );
  cockpit.arrange();

  for (const card of cards) {
    const button = card.querySelector(".expand");
    button.hidden = false;
    button.addEventListener("click", () => focus(card, !card.hasAttribute("data-focused")));
    resized.observe(card.querySelector(".plot"));
  }
  document.addEventListener("keydown", (event) => {
    const card = document.querySelector("[data-focused]");
    if (event.key === "Escape" && card) focus(card, false);
  });
  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    chosen = theme() === "dark" ? "light" : "dark";
    drawAll();
  });
  system.addEventListener("change", drawAll);
  await drawAll();
  root.dataset.ready = "";
})();
