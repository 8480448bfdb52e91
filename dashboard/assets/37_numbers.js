/* Tables of numbers: those of the instrument in full screen, and all of the record. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { element, icon, setText, toolButton } = cockpit.dom;
  const KEYSTROKES_MS = 200; // a search waits for the next letter
  const known = { stamp: "", digest: "" };
  let latest = null; // the table as it came
  let shown = null; // which table the page has
  let view = null; // the view of the record, made at its first use

  const wantedName = () => (cockpit.state.record === null ? cockpit.state.focus : "");

  /* The table that the page wants to hear of, or null. */
  function numbersWanted() {
    const instrument = wantedName();
    if (instrument === null || document.hidden) return null;
    const search = cockpit.state.record || "";
    const wish = JSON.stringify([instrument, search]);
    if (wish !== shown) forgetNumbers();
    shown = wish;
    return { instrument, search, ...known };
  }

  function setNumbers(reply) {
    if (reply.numbers) {
      known.digest = reply.numbers_stamp;
      show(reply.numbers);
    }
    known.stamp = reply.stamp;
  }

  function forgetNumbers() {
    known.stamp = "";
    known.digest = "";
    latest = null;
  }

  function doubtNumbers() {
    known.stamp = "";
  }

  const integer = (value) => value.toLocaleString("en-US");

  function show(numbers) {
    latest = numbers;
    const name = wantedName();
    if (name === null) return;
    const place = name === "" ? view : cockpit.cards.get(name)?.numbers;
    if (!place) return;
    setText(place.title, numbers.step === null ? "Numbers" : `Numbers at step ${integer(numbers.step)}`);
    setText(place.said, count(numbers));
    place.body.replaceChildren(...rows(numbers));
  }

  function count({ count: all, more, rows: some }) {
    if (all === 0) return cockpit.state.record ? "No number of that name." : "Nothing recorded yet.";
    const total = more ? `more than ${integer(all)}` : integer(all);
    return some.length < all ? `The first ${integer(some.length)} of ${total}.` : "";
  }

  /* Rows of a table: a quantity of one number is one row, one of many has a row of its own on top. */
  function rows({ rows: given, step }) {
    const made = [];
    for (let start = 0, end; start < given.length; start = end) {
      const name = given[start][0];
      for (end = start; end < given.length && given[end][0] === name; ) end += 1;
      made.push(...group(given.slice(start, end), step));
    }
    return made;
  }

  function group(members, step) {
    const [[quantity, layer, entry, value, at, note]] = members;
    const said = [at === step ? "" : `step ${integer(at)}`, note].filter(Boolean).join(" · ");
    const name = element("th", { scope: "row", colspan: "2" }, quantity, element("span", { class: "said" }, said));
    const single = members.length === 1 && !layer && !entry;
    const head = element("tr", { class: "first" }, name, element("td", { class: "value" }, single ? value : ""));
    return single ? [head] : [head, ...members.map(member)];
  }

  function member([, layer, entry, value], i, all) {
    const first = i === 0 || all[i - 1][1] !== layer;
    const where = element("td", { class: "where" }, first ? layerButton(layer) : null);
    return element("tr", {}, where, element("td", {}, entry), element("td", { class: "value" }, value));
  }

  /* A parameter's name picks it out in all instruments, or lets it go. */
  function layerButton(layer) {
    if (!layer || layer === "network") return layer ? element("span", {}, layer) : null;
    const picked = cockpit.state.layers || [];
    const on = picked.includes(layer);
    const button = element("button", { type: "button", class: "parameter", "aria-pressed": String(on) }, layer);
    button.title = on ? "Show the whole network again" : "Show this parameter in all instruments";
    button.addEventListener("click", () => {
      const rest = picked.filter((name) => name !== layer);
      const layers = on ? rest : [...rest, layer];
      cockpit.set({ layers: layers.length ? layers : null });
    });
    return button;
  }

  function copyButton(instrument) {
    const label = element("span", {}, "Copy");
    const button = element("button", { type: "button", class: "quiet-button copy" }, label);
    button.title = "Copy these numbers, ready for a spreadsheet";
    button.addEventListener("click", async () => {
      const more = { instrument, search: instrument ? "" : cockpit.state.record || "" };
      try {
        await copy(fetchText(cockpit.fileAddress("record.tsv", more)));
        setText(label, "Copied");
      } catch (error) {
        setText(label, "Not copied");
      }
      window.setTimeout(() => setText(label, "Copy"), 1500);
    });
    return button;
  }

  async function fetchText(address) {
    const response = await fetch(address);
    if (!response.ok) throw new Error(await response.text());
    return response.text();
  }

  /* Into the clipboard, also where the page is not served from this machine: there it has none. */
  async function copy(coming) {
    if (navigator.clipboard && window.ClipboardItem) {
      const blob = coming.then((text) => new Blob([text], { type: "text/plain" }));
      return navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    }
    const area = element("textarea", { "aria-hidden": "true", class: "off-screen" });
    area.value = await coming;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("the browser does not allow it");
  }

  /* The parts of a table, empty. */
  function table(label, instrument) {
    const title = element("h4", {}, "Numbers");
    const said = element("p", { class: "listed", role: "status" });
    const body = element("tbody");
    const node = element("table", { class: "numbers", "aria-label": label }, body);
    return { title, said, body, node, copy: copyButton(instrument) };
  }

  /* The table of one instrument, for its full screen. */
  function numbersOf(card) {
    card.numbers = table(`Numbers of ${card.described.title}`, card.name);
    const { title, said, node, copy: button } = card.numbers;
    return element("div", { class: "own-numbers" }, element("header", {}, title, button), said, node);
  }

  function makeView() {
    view = table("All numbers of the record", "");
    view.search = element("input", { type: "search", placeholder: "Search: quantity, layer, entry" });
    view.search.setAttribute("aria-label", "Search the numbers");
    let later = null;
    view.search.addEventListener("input", () => {
      window.clearTimeout(later);
      later = window.setTimeout(() => cockpit.set({ record: view.search.value }), KEYSTROKES_MS);
    });
    const close = toolButton("Close the numbers", icon(cockpit.icons.close), () => cockpit.set({ record: null }));
    const save = element("button", { type: "button", class: "quiet-button" }, "CSV");
    save.title = "Save every number of this record";
    save.addEventListener("click", () => cockpit.fetchFile("record.csv"));
    const head = element("header", {}, view.title, view.copy, save, close);
    view.panel = element(
      "aside",
      { class: "record", "aria-label": "Numbers", hidden: true },
      head,
      view.search,
      view.said,
      element("div", { class: "scroll", tabindex: "0" }, view.node),
    );
    document.body.append(view.panel);
    const top = document.querySelector(".top");
    const measure = () => view.panel.style.setProperty("--top", `${top.offsetHeight}px`);
    new ResizeObserver(measure).observe(top);
  }

  /* Open, close, or search as the state has it. */
  function showView() {
    const open = cockpit.state.record !== null;
    if (open && !view) makeView();
    document.getElementById("record-button").setAttribute("aria-expanded", String(open));
    if (!view) return;
    const opened = open && view.panel.hidden;
    view.panel.hidden = !open;
    document.body.toggleAttribute("data-record", open);
    if (document.activeElement !== view.search) view.search.value = cockpit.state.record || "";
    if (opened) view.search.focus();
    else if (!open && document.activeElement === document.body) document.getElementById("record-button").focus();
  }

  const toggleNumbers = () => cockpit.set({ record: cockpit.state.record === null ? "" : null });

  function offerNumbers() {
    document.getElementById("record-button").addEventListener("click", toggleNumbers);
    cockpit.onChange((changed) => {
      if (changed.includes("record")) showView();
      if (changed.includes("layers") && latest) show(latest); // which parameters are picked
    });
    showView();
  }

  Object.assign(cockpit, {
    numbersWanted,
    setNumbers,
    forgetNumbers,
    doubtNumbers,
    numbersOf,
    offerNumbers,
    toggleNumbers,
  });
})();
