/* What the user looks at: one plain object, mirrored in the address. */
(function () {
  "use strict";
  const cockpit = (window.cockpit = window.cockpit || {});

  const DEFAULTS = {
    run: null, // name of the run
    x: "step", // step, epoch or time
    xscale: "linear", // linear or log
    smoothing: null, // 0 to 0.99; null: the instruments choose
    window: null, // [low, high] of the shared horizontal axis
    step: null, // null: live
    layers: null, // names; null: the whole network
    quantity: null, // of the layers instrument
    search: "", // words that the rows of layers have to contain
    grouping: null, // of those rows: module, type or depth
    folded: null, // names of the groups that are one row
    focus: null, // instrument in full screen
    record: null, // search in the view of all numbers; null: closed
    theme: "system", // system, light or dark
    refresh: "normal", // normal or fast
    compare: null, // names of the runs laid over each other; null: one run alone
    hidden: null, // names of those that are not drawn
  };
  const LISTS = { layers: "layer", folded: "fold", compare: "compare", hidden: "hide" }; // in the address: one entry for each name
  const state = Object.assign({}, DEFAULTS);
  const listeners = [];

  const number = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : null);
  const PARSE = {
    smoothing: number,
    step: number,
    x: (text) => (["step", "epoch", "time"].includes(text) ? text : "step"),
    xscale: (text) => (text === "log" ? "log" : "linear"),
    refresh: (text) => (text === "fast" ? "fast" : "normal"),
    theme: (text) => (["system", "light", "dark"].includes(text) ? text : "system"),
    grouping: (text) => (["module", "type", "depth"].includes(text) ? text : null),
    window: (text) => {
      const ends = text.split("~").map(number);
      return ends.length === 2 && !ends.includes(null) ? ends : null;
    },
  };
  const show = (key, value) => (key === "window" ? value.join("~") : String(value));

  /* A compared run keeps its colour in the address. */
  const READ = { compare: (name) => cockpit.readRun(name) };
  const WRITE = { compare: (name) => cockpit.writeRun(name) };
  const as = (how, key, names) => (how[key] ? names.map(how[key]) : names);

  function readAddress() {
    const given = new URLSearchParams(window.location.search);
    for (const key of Object.keys(DEFAULTS)) {
      const entry = LISTS[key] || key;
      if (!given.has(entry)) continue;
      if (LISTS[key]) state[key] = as(READ, key, given.getAll(entry));
      else state[key] = (PARSE[key] || String)(given.get(key));
    }
    if (state.compare && !state.run) state.run = state.compare[0];
  }

  function writeAddress() {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(state)) {
      if (value === null || value === DEFAULTS[key]) continue;
      if (LISTS[key]) as(WRITE, key, value).forEach((name) => query.append(LISTS[key], name));
      else query.set(key, show(key, value));
    }
    const text = query.toString();
    history.replaceState(null, "", window.location.pathname + (text ? "?" + text : ""));
  }

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  /* Change some of the state; listeners hear of it once, with the keys that differ. */
  function set(patch) {
    const changed = Object.keys(patch).filter((key) => !same(state[key], patch[key]));
    if (!changed.length) return;
    const among = (patch.compare || state.compare || []).includes(patch.run);
    if (changed.includes("run") && !among) Object.assign(state, { window: null, step: null, layers: null });
    // A time axis may change its unit with the runs on it.
    const unit = changed.includes("compare") && state.x === "time";
    if (changed.includes("x") || changed.includes("xscale") || unit) state.window = null;
    Object.assign(state, patch);
    writeAddress();
    for (const listener of listeners) listener(changed);
  }

  /* The run that the server chose, for a page that asked for none. */
  function settleRun(name) {
    state.run = name;
    writeAddress();
  }

  cockpit.writeAddress = writeAddress;
  cockpit.state = state;
  cockpit.settleRun = settleRun;
  cockpit.set = set;
  cockpit.readAddress = readAddress;
  cockpit.onChange = (listener) => listeners.push(listener);
})();
