/* Between the state and the controls that Dash drew: each follows the other. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const find = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  let lastStep = 0;
  let dragging = false;

  /* Put the state into the controls. */
  function show() {
    const { run, x, smoothing, step, layers, theme, refresh } = cockpit.state;
    setProps("run", { value: run });
    setProps("x", { value: x });
    setProps("smoothing", { value: smoothing === null ? 0 : Math.round(100 * smoothing) });
    setProps("layers", { value: layers || [] });
    setProps("theme", { value: theme });
    setProps("refresh", { value: refresh });
    setProps("scrubber", { value: step === null ? lastStep : step });
    const live = step === null;
    find("live").setAttribute("aria-pressed", String(live));
    find("scrubbed").textContent = live ? "latest step" : `step ${step.toLocaleString("en-US")}`;
    find("smoothing-text").textContent = smoothing === null ? "auto" : `${Math.round(100 * smoothing)} %`;
    document.body.toggleAttribute("data-past", !live);
    find("whole").hidden = cockpit.state.window === null;
    find("xscale").setAttribute("aria-pressed", String(cockpit.state.xscale === "log"));
  }

  let runs = [];

  function offerRuns(given) {
    runs = given || runs; // without: their names have changed
    const data = runs.map((run) => ({
      value: run.name,
      label: cockpit.labelOf(run.name),
      sign: cockpit.SIGNS[run.status],
      status: run.status + (run.step === null ? "" : ` at ${run.step.toLocaleString("en-US")}`),
    }));
    setProps("run", { data });
    cockpit.showCompared();
  }

  const statusOf = (name) => (runs.find((run) => run.name === name) || {}).status;

  function offer(offers) {
    const { layers, epochs } = offers;
    const names = [...new Set(layers)];
    setProps("layers", { data: names, disabled: names.length === 0 });
    setProps("x", {
      data: [
        { value: "step", label: "Step" },
        { value: "epoch", label: "Epoch", disabled: !epochs },
        { value: "time", label: "Time" },
      ],
    });
    cockpit.offerLayers(offers);
  }

  function offerSteps(step) {
    if (step === null || step === lastStep) return;
    lastStep = step;
    if (dragging) return;
    const live = cockpit.state.step === null;
    setProps("scrubber", live ? { max: Math.max(step, 1), value: step } : { max: Math.max(step, 1) });
  }

  const live = () => cockpit.set({ step: null });
  const cycleTheme = () =>
    cockpit.set({ theme: cockpit.resolvedTheme() === "dark" ? "light" : "dark" });
  const toggleScale = () => cockpit.set({ xscale: cockpit.state.xscale === "log" ? "linear" : "log" });
  const toggle = (id) => find(id).togglePopover();

  const KEYS = {
    Escape: () => cockpit.set(cockpit.state.record === null ? { focus: null } : { record: null }),
    n: (event) => {
      event.preventDefault(); // or it is typed into the search that opens
      cockpit.toggleNumbers();
    },
    ArrowLeft: () => cockpit.state.focus && cockpit.stepFocus(-1),
    ArrowRight: () => cockpit.state.focus && cockpit.stepFocus(1),
    f: () => {
      const card = document.querySelector(".card:hover, .card:focus-within");
      if (card) cockpit.set({ focus: cockpit.state.focus ? null : card.dataset.name });
    },
    l: live,
    s: () => cockpit.set({ x: "step" }),
    e: () => cockpit.set({ x: "epoch" }),
    t: () => cockpit.set({ x: "time" }),
    g: toggleScale,
    d: cycleTheme,
    r: (event) => {
      event.preventDefault(); // the letter would land in the field that gets the focus
      cockpit.toggleTable();
    },
    a: () => cockpit.set({ window: null }),
    w: () => cockpit.toggleLamps(),
    "?": () => toggle("options"),
  };

  function listen() {
    find("options").popover = "auto";
    find("options").hidden = false;
    find("options-button").popoverTargetElement = find("options");
    find("live").addEventListener("click", live);
    find("runs-button").addEventListener("click", () => cockpit.toggleTable());
    find("xscale").addEventListener("click", toggleScale);
    find("whole").addEventListener("click", () => cockpit.set({ window: null }));
    find("smoothing-auto").addEventListener("click", () => cockpit.set({ smoothing: null }));
    find("scrubber").addEventListener("pointerdown", () => (dragging = true));
    window.addEventListener("pointerup", () => (dragging = false));
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, select, textarea, [role=slider], [role=option]");
      if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape")) return;
      if (KEYS[event.key]) KEYS[event.key](event);
    });
  }

  /* Dash calls these when a control changes. */
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.cockpit = {
    start() {
      if (cockpit.started) return;
      cockpit.started = true;
      cockpit.applyTheme();
      listen();
      cockpit.offerExport();
      cockpit.offerNumbers();
      cockpit.offerLamps();
      show();
      cockpit.showCompared();
      cockpit.onChange(show);
      cockpit.refresh();
    },
    run: (value) => void (value && cockpit.showRun(value)),
    x: (value) => void cockpit.set({ x: value }),
    layers: (value) => void cockpit.set({ layers: value && value.length ? value : null }),
    theme: (value) => void cockpit.set({ theme: value }),
    refresh: (value) => void cockpit.set({ refresh: value }),
    smoothing(value) {
      const shown = Math.round(100 * (cockpit.state.smoothing || 0));
      if (value !== shown) cockpit.set({ smoothing: value / 100 });
    },
    scrub(value) {
      dragging = false;
      const shown = cockpit.state.step === null ? lastStep : cockpit.state.step;
      if (value !== shown) cockpit.set({ step: value >= lastStep ? null : value });
    },
  };
  Object.assign(cockpit, { offerRuns, statusOf, offer, offerSteps, showControls: show });
})();
