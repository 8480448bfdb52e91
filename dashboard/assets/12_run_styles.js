/* What this browser knows of the runs of a folder: colors that stay, names, pins.
 *
 * The folder itself is never touched. A run that is compared takes the first style that no run
 * of the folder has, and keeps it; an address that names a style is obeyed.
 */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const KEY = "cockpit-runs";
  const COLORS = 5; // as in cockpit/instruments/run_style.py
  const STYLES = 15;
  const DASHES = ["", "9 3 2 3", "2 2.5"];
  const LONGEST_NAME = 80;
  const given = new Map(); // styles that the address names
  let kept = null;

  const key = () => `${KEY}:${document.getElementById("shell").dataset.folder}`;
  const plain = (value) => (value && typeof value === "object" ? value : {});

  function read() {
    let found = {};
    try {
      found = plain(JSON.parse(localStorage.getItem(key()) || "{}"));
    } catch (error) {
      /* storage is forbidden, or holds something else: begin anew */
    }
    const colors = new Map(Object.entries(plain(found.colors)).filter(([, c]) => Number.isInteger(c)));
    const names = new Map(Object.entries(plain(found.names)).filter(([, n]) => typeof n === "string"));
    const pinned = new Set(Array.isArray(found.pinned) ? found.pinned : []);
    for (const [name, color] of given) colors.set(name, color);
    return { colors, names, pinned };
  }

  const memory = () => (kept = kept || read());

  function write() {
    const { colors, names, pinned } = memory();
    const content = {
      colors: Object.fromEntries(colors),
      names: Object.fromEntries(names),
      pinned: [...pinned],
    };
    try {
      localStorage.setItem(key(), JSON.stringify(content));
    } catch (error) {
      /* storage is forbidden: it lasts as long as the page */
    }
  }

  const free = (taken) => [...Array(STYLES).keys()].find((color) => !taken.has(color));

  /* Give each of these runs a style of its own; those that have one keep it. Says whether any is new. */
  function settleColors(names) {
    const { colors } = memory();
    const shown = new Set();
    let changed = false;
    for (const name of names) {
      if (colors.has(name) && !shown.has(colors.get(name))) {
        shown.add(colors.get(name));
        continue;
      }
      const among = new Set(names.filter((n) => colors.has(n)).map((n) => colors.get(n)));
      const color = free(new Set(colors.values())) ?? free(among) ?? shown.size % STYLES;
      colors.set(name, color);
      shown.add(color);
      changed = true;
    }
    if (changed) write();
    return changed;
  }

  const colorOf = (name) => memory().colors.get(name) ?? 0;
  const labelOf = (name) => memory().names.get(name) || name;
  const isPinned = (name) => memory().pinned.has(name);

  function rename(name, label) {
    const text = label.trim().slice(0, LONGEST_NAME);
    if (text && text !== name) memory().names.set(name, text);
    else memory().names.delete(name);
    write();
  }

  function pin(name, on) {
    if (on) memory().pinned.add(name);
    else memory().pinned.delete(name);
    write();
  }

  /* In the address: "2~name" is the run called name in the third style. */
  function readRun(text) {
    const match = /^(\d{1,2})~([^]+)$/.exec(text);
    if (!match) return text;
    given.set(match[2], Number(match[1]) % STYLES);
    return match[2];
  }

  const writeRun = (name) => `${colorOf(name)}~${name}`;

  /* A short piece of the run's line. */
  function swatch(name) {
    const color = colorOf(name);
    const svg = cockpit.dom.icon("M0 8h24");
    svg.setAttribute("viewBox", "0 0 24 16");
    svg.setAttribute("class", "swatch");
    svg.style.stroke = `var(--run-${color % COLORS})`;
    svg.style.strokeDasharray = DASHES[Math.floor(color / COLORS) % DASHES.length];
    return svg;
  }

  const SIGNS = { running: "●", finished: "✓", failed: "▲", interrupted: "■", stalled: "◆", empty: "○" };
  Object.assign(cockpit, {
    SIGNS, settleColors, colorOf, labelOf, isPinned, rename, pin, readRun, writeRun, swatch,
  });
})();
