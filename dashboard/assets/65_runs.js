/* The table of the folder's runs: searched, sorted, and ticked to be compared. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { element, icon, setText } = cockpit.dom;
  const find = (id) => document.getElementById(id);
  const rows = new Map(); // name of a run -> its row and cells
  const sorting = { by: "changed", down: true };
  let content = { columns: [], more: 0, rows: [] };
  let parts = null;
  let heading = "";
  let editing = null; // name of the run that is being renamed

  const special = (value) => ({ NaN: "NaN", Infinity: "Inf", "-Infinity": "−Inf" })[value];
  const number = (value) => special(value) ?? Number(value.toPrecision(4)).toLocaleString("en-US", { maximumSignificantDigits: 4 });
  const percent = (value) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;

  function ago(seconds) {
    const age = Math.max(0, Date.now() / 1000 - seconds);
    if (age < 60) return "now";
    return `${cockpit.duration(age).split(" ", 2).join(" ")} ago`;
  }

  /* Columns that every table has: key, title, text of a value, explanation. */
  const FIXED = [
    { key: "status", title: "Status", text: (v) => `${cockpit.SIGNS[v]} ${v}` },
    { key: "step", title: "Step", text: (v) => v.toLocaleString("en-US"), numeric: true, hint: "The last tracked step" },
    { key: "loss", title: "Loss", text: number, numeric: true, hint: "Mini-batch loss of the last step" },
    { key: "duration", title: "Duration", text: (v) => cockpit.duration(v), numeric: true, hint: "Since the run was last started" },
    { key: "overhead", title: "Overhead", text: percent, numeric: true, hint: "What tracking costs, relative to the training" },
    { key: "changed", title: "Last record", text: ago, numeric: true },
  ];

  const cells = () => [
    ...FIXED,
    ...content.columns.map((title, i) => ({ key: `setting ${i}`, title, text: String, setting: i })),
  ];
  const valueOf = (row, column) => {
    if (column.key === "name") return cockpit.labelOf(row.name);
    return column.setting === undefined ? row[column.key] : row.settings[column.setting];
  };
  const missing = (value) => value === null || value === undefined || value === "";

  /* Numbers as numbers, others as text; what is missing comes last, whichever way. */
  function compare(a, b) {
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
    const order = [Number(a), Number(b)].some(Number.isNaN)
      ? String(a).localeCompare(String(b), "en", { numeric: true })
      : Number(a) - Number(b);
    return sorting.down ? -order : order;
  }

  function sorted() {
    const column = [{ key: "name" }, ...cells()].find((one) => one.key === sorting.by) || FIXED[0];
    return [...content.rows].sort(
      (a, b) =>
        Number(cockpit.isPinned(b.name)) - Number(cockpit.isPinned(a.name)) ||
        compare(valueOf(a, column), valueOf(b, column)) ||
        a.name.localeCompare(b.name, "en", { numeric: true }),
    );
  }

  /* Every word that is searched for occurs somewhere in the row. */
  function matches(row, words) {
    const settings = row.settings.map((value, i) => `${content.columns[i]}=${value}`);
    const text = [row.name, cockpit.labelOf(row.name), row.status, ...settings].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  }

  function sortBy(key) {
    sorting.down = sorting.by === key ? !sorting.down : key === "changed";
    sorting.by = key;
    heading = "";
    show();
  }

  function headCell({ key, title, numeric, hint }) {
    const here = sorting.by === key;
    const arrow = here ? (sorting.down ? " ↓" : " ↑") : "";
    const button = element("button", { type: "button", title: hint || null }, title, element("span", { "aria-hidden": "true" }, arrow));
    button.addEventListener("click", () => {
      sortBy(key);
      [...parts.head.querySelectorAll("th")].find((th) => th.dataset.key === key)?.firstChild.focus();
    });
    const sort = here ? (sorting.down ? "descending" : "ascending") : "none";
    return element("th", { scope: "col", "data-key": key, "aria-sort": sort, class: numeric ? "numeric" : null }, button);
  }

  function showHead() {
    const signature = JSON.stringify([content.columns, sorting]);
    if (signature === heading) return;
    heading = signature;
    const first = element("th", { scope: "col" }, element("span", { class: "unseen" }, "Compare"));
    const titles = [{ key: "name", title: "Run" }, ...cells()];
    parts.head.replaceChildren(element("tr", {}, first, ...titles.map(headCell)));
    rows.clear();
  }

  function makeRow(name) {
    const row = { name, node: element("tr", {}), box: element("input", { type: "checkbox" }) };
    row.box.addEventListener("change", () => cockpit.tick(name, row.box.checked));
    row.title = element("th", { scope: "row" });
    row.cells = cells().map((column) => element("td", { class: column.numeric ? "numeric" : null }));
    row.node.append(element("td", { class: "tick" }, row.box), row.title, ...row.cells);
    return row;
  }

  function tool(label, picture, onclick, attributes) {
    const button = element("button", { type: "button", class: "tool", title: label, "aria-label": label, ...attributes }, icon(picture));
    button.addEventListener("click", onclick);
    return button;
  }

  /* The run's name: a click shows it; beside it hide, pin, rename. */
  function showTitle(row, among) {
    const { name } = row;
    if (editing === name) return;
    const label = cockpit.labelOf(name);
    const pinned = cockpit.isPinned(name);
    const front = name === cockpit.state.run;
    const signature = JSON.stringify([label, pinned, front, among, cockpit.colorOf(name), cockpit.isHidden(name)]);
    if (row.signature === signature) return;
    row.signature = signature;
    const focused = row.title.contains(document.activeElement) ? document.activeElement.className : null;
    const link = element("button", { type: "button", class: "run-name", title: label === name ? label : `${label} (${name})` }, label);
    if (front) link.setAttribute("aria-current", "true");
    link.addEventListener("click", () => cockpit.showRun(name));
    const pinning = tool(`${pinned ? "Unpin" : "Pin"} ${label}`, cockpit.icons.pin, () => {
      cockpit.pin(name, !pinned);
      show();
    }, { class: "tool pin", "aria-pressed": String(pinned) });
    const renaming = tool(`Rename ${label}`, cockpit.icons.edit, () => edit(row), { class: "tool rename" });
    const left = among ? [cockpit.swatch(name)] : [element("span", { class: "swatch" })];
    const box = element("div", { class: "run-title" }, ...left, link, among ? cockpit.eye(name) : "", pinning, renaming);
    row.title.replaceChildren(box);
    if (focused) row.title.getElementsByClassName(focused)[0]?.focus();
  }

  /* Another name, for this browser alone. */
  function edit(row) {
    editing = row.name;
    const input = element("input", { type: "text", maxlength: "80", "aria-label": `New name of ${row.name}`, placeholder: row.name });
    input.value = cockpit.labelOf(row.name);
    const done = (keep) => {
      if (editing !== row.name) return;
      editing = null;
      if (keep) cockpit.rename(row.name, input.value);
      row.signature = "";
      show();
      row.title.querySelector(".rename")?.focus();
      if (!keep) return;
      cockpit.offerRuns();
      cockpit.showCompared();
      cockpit.showTitle();
      cockpit.redraw();
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") done(true);
      if (event.key === "Escape") {
        event.stopPropagation();
        done(false);
      }
    });
    input.addEventListener("blur", () => done(true));
    row.title.replaceChildren(element("div", { class: "run-title" }, element("span", { class: "swatch" }), input));
    input.select();
  }

  function showRow(data, members) {
    if (!rows.has(data.name)) rows.set(data.name, makeRow(data.name));
    const row = rows.get(data.name);
    const among = members.has(data.name);
    showTitle(row, among);
    row.box.checked = among || (!members.size && data.name === cockpit.state.run);
    row.box.disabled = (!members.size && data.name === cockpit.state.run) || (!among && members.size >= cockpit.MOST_COMPARED);
    row.box.setAttribute("aria-label", `Compare ${cockpit.labelOf(data.name)}`);
    row.node.toggleAttribute("data-front", data.name === cockpit.state.run);
    row.node.dataset.status = data.status;
    cells().forEach((column, i) => {
      const value = valueOf(data, column);
      setText(row.cells[i], missing(value) ? "–" : column.text(value));
      if (column.key === "status") row.cells[i].dataset.status = data.status;
    });
    return row.node;
  }

  function show() {
    if (!tableShown()) return;
    showHead();
    const words = parts.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const members = new Set(cockpit.members());
    const found = sorted().filter((row) => matches(row, words));
    const nodes = found.map((row) => showRow(row, members));
    const before = [...parts.body.children];
    if (nodes.length !== before.length || nodes.some((node, i) => node !== before[i])) {
      const active = document.activeElement;
      parts.body.replaceChildren(...nodes);
      if (active !== document.activeElement && parts.body.contains(active)) active.focus();
    }
    const all = content.rows.length;
    const told = [found.length === all ? `${all} runs` : `${found.length} of ${all} runs`];
    if (members.size) told.push(`${members.size} compared`);
    if (content.more) told.push(`${content.more} more settings differ`);
    setText(parts.count, told.join(" · "));
    parts.empty.hidden = found.length > 0;
  }

  function build() {
    const search = element("input", { type: "search", placeholder: "Search name, status, setting", "aria-label": "Search runs" });
    const close = element("button", { type: "button", class: "tool", "aria-label": "Close the table of runs", title: "Close" }, "✕");
    const count = element("output", { class: "count" });
    const head = element("thead", {});
    const body = element("tbody", {});
    const empty = element("p", { class: "empty", hidden: true }, "No run matches.");
    search.addEventListener("input", show);
    close.addEventListener("click", () => toggle(false));
    find("runs-table").replaceChildren(
      element("header", {}, element("h2", {}, "Runs"), search, count, close),
      element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of runs" }, element("table", {}, head, body), empty),
    );
    find("runs-table").addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      toggle(false);
    });
    parts = { search, count, head, body, empty };
  }

  const tableShown = () => Boolean(parts) && !find("runs-table").hidden;

  function toggle(on) {
    if (!parts) build();
    const open = on === undefined ? !tableShown() : on;
    find("runs-table").hidden = !open;
    document.body.toggleAttribute("data-table", open);
    find("runs-button").setAttribute("aria-expanded", String(open));
    if (!open) return find("runs-button").focus();
    show();
    parts.search.focus();
    cockpit.refresh();
  }

  function setTable(given) {
    content = given;
    show();
  }

  cockpit.onChange(show);
  window.setInterval(show, 10000); // ages
  Object.assign(cockpit, { setTable, toggleTable: () => toggle(), tableShown });
})();
