/* Several runs at once: which, in which order, and the row of their names in the head. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { element, icon } = cockpit.dom;
  const MOST = 24; // as in dashboard/question.py
  let absent = new Set();
  let shown = "";

  /* All compared runs, hidden ones too, in the order in which they were chosen. */
  function members() {
    const { run, compare } = cockpit.state;
    if (!compare || !run) return [];
    const names = [...new Set(compare.includes(run) ? compare : [run, ...compare])];
    return names.slice(0, MOST);
  }

  const isHidden = (name) => (cockpit.state.hidden || []).includes(name);

  /* What the server is asked to draw: the run in front first; nothing for one run alone. */
  function compared() {
    const { run } = cockpit.state;
    const names = members().filter((name) => !isHidden(name));
    if (!names.length || (names.length === 1 && names[0] === run)) return [];
    const ordered = [...names.filter((n) => n === run), ...names.filter((n) => n !== run)];
    return ordered.map((name) => [name, cockpit.colorOf(name), cockpit.labelOf(name)]);
  }

  /* Set the compared runs; fewer than two are none. */
  function choose(names, run) {
    const list = [...new Set(names)];
    const hidden = (cockpit.state.hidden || []).filter((name) => list.includes(name));
    cockpit.settleColors(list);
    cockpit.set({
      run,
      compare: list.length > 1 ? list : null,
      hidden: hidden.length && list.length > 1 ? hidden : null,
    });
  }

  function tick(name, on) {
    const { run } = cockpit.state;
    const before = members().length ? members() : [run].filter(Boolean);
    if (on && before.length < MOST) choose([...before, name], run || name);
    if (on) return;
    const left = before.filter((other) => other !== name);
    choose(left, name === run && left.length ? left[0] : run);
  }

  function hide(name, on) {
    const others = (cockpit.state.hidden || []).filter((other) => other !== name);
    const hidden = on ? [...others, name] : others;
    if (members().every((one) => hidden.includes(one))) return; // one at least is drawn
    cockpit.set({ hidden: hidden.length ? hidden : null });
  }

  /* Make a run the one in front, of which the head tells; beside those that are compared. */
  function showRun(name) {
    if (!members().length) return cockpit.set({ run: name });
    choose([...members(), name], name);
  }

  function button(label, content, onclick, attributes) {
    const made = element("button", { type: "button", "aria-label": label, title: label, ...attributes }, content);
    made.addEventListener("click", onclick);
    return made;
  }

  function eye(name) {
    const hidden = isHidden(name);
    const label = `${hidden ? "Show" : "Hide"} ${cockpit.labelOf(name)}`;
    const picture = icon(hidden ? cockpit.icons.closed : cockpit.icons.open);
    return button(label, picture, () => hide(name, !hidden), { class: "tool eye" });
  }

  const TROUBLE = ["failed", "interrupted", "stalled"];

  /* How a run ended, where that is worth a sign. */
  function sign(name) {
    const status = cockpit.statusOf(name);
    if (!TROUBLE.includes(status)) return "";
    return element("span", { class: "sign", "data-status": status, title: status }, `${cockpit.SIGNS[status]} ${status}`);
  }

  function chip(name) {
    const label = cockpit.labelOf(name);
    const front = name === cockpit.state.run;
    const gone = absent.has(name);
    const title = gone ? `${label}: not in this folder` : front ? `${label} is in front` : `Bring ${label} to the front`;
    const main = element(
      "button",
      { type: "button", class: "chip-name", title, "aria-pressed": String(front) },
      cockpit.swatch(name),
      element("span", {}, label),
      gone ? element("span", { class: "gone" }, "missing") : sign(name),
    );
    main.addEventListener("click", () => !gone && showRun(name));
    const remove = button(`Leave out ${label}`, "✕", () => tick(name, false), { class: "tool" });
    return element("li", { class: "chip", "data-front": front, "data-hidden": isHidden(name) }, main, eye(name), remove);
  }

  /* The row of names; none for one run alone. */
  function show() {
    const names = members();
    if (cockpit.settleColors(names)) cockpit.writeAddress();
    const state = names.map((n) => [n, cockpit.labelOf(n), cockpit.colorOf(n), isHidden(n), absent.has(n), cockpit.statusOf(n)]);
    const signature = JSON.stringify([cockpit.state.run, state]);
    if (signature === shown) return;
    shown = signature;
    const list = document.getElementById("compared");
    const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    list.hidden = names.length === 0;
    const clear = element("button", { type: "button", class: "quiet-button" }, "Compare none");
    clear.addEventListener("click", () => choose([cockpit.state.run], cockpit.state.run));
    list.replaceChildren(...names.map(chip), element("li", {}, clear));
    if (focused) [...list.querySelectorAll("button")].find((b) => b.getAttribute("aria-label") === focused)?.focus();
  }

  function setAbsent(names) {
    absent = new Set(names);
    show();
  }

  Object.assign(cockpit.icons, {
    open: "M1.5 8C3 5 5.3 3.6 8 3.6S13 5 14.5 8C13 11 10.7 12.4 8 12.4S3 11 1.5 8ZM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6",
    closed: "M2 6.5c1.4 2.4 3.5 3.6 6 3.6s4.6-1.2 6-3.6M4 9.2 2.8 11M8 10.1v2.1M12 9.2l1.2 1.8",
    pin: "M6 2.5h4M6.6 2.5v4L4.5 9h7L9.4 6.5v-4M8 9v4.5",
    edit: "M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3zM9 4.7 11.3 7",
  });
  cockpit.onChange(show);
  Object.assign(cockpit, { compared, members, isHidden, tick, hide, showRun, setAbsent, eye, showCompared: show, MOST_COMPARED: MOST });
})();
