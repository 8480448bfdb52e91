/* The layer view: which quantity, which layers, in which groups; and the layers to pick from. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { element, setText } = cockpit.dom;
  const MANY = 60; // from here on groups begin folded: more names than a screen has room for
  const TYPING_MS = 120;
  const ROLES = ["primary", "secondary", "tertiary", "quaternary"];
  const MOST_STYLES = 8;
  const GROUPINGS = { "": "not grouped", module: "by module", type: "by layer type", depth: "by depth" };
  const HINT = "Click a row, here or in the picture: that layer gets a line, and the histograms are its own.";
  let offers = null;
  let view = null; // the nodes of the layer view
  let listed = ""; // what the list was made for

  const toggled = (names, name) => {
    const others = (names || []).filter((other) => other !== name);
    const all = others.length === (names || []).length ? [...others, name] : others;
    return all.length ? all : null;
  };
  const togglePick = (name) => cockpit.set({ layers: toggled(cockpit.state.layers, name) });
  const toggleFold = (name) => cockpit.set({ folded: toggled(cockpit.state.folded, name) });
  const groupsOf = (grouping) => [...new Set(grouping ? offers.groups[grouping] : [])];

  function select(label, options, onchange) {
    const made = element("select", { "aria-label": label }, ...options);
    made.addEventListener("change", () => onchange(made.value));
    return made;
  }

  const option = (value, text) => element("option", { value }, text);

  function group(grouping) {
    const folded = grouping && offers.layers.length > MANY ? groupsOf(grouping) : null;
    cockpit.set({ grouping: grouping || null, folded });
  }

  function button(text, onclick) {
    const made = element("button", { type: "button", class: "quiet-button" }, text);
    made.addEventListener("click", onclick);
    return made;
  }

  function searchField() {
    const field = element("input", {
      type: "search",
      placeholder: "Filter by name or type",
      "aria-label": "Filter layers",
      spellcheck: "false",
      maxlength: "200",
    });
    let timer = null;
    field.addEventListener("input", () => {
      filter(field.value);
      window.clearTimeout(timer);
      timer = window.setTimeout(() => cockpit.set({ search: field.value.trim() }), TYPING_MS);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !field.value) return;
      event.stopPropagation(); // empties the field, and does not leave the layer view
    });
    return field;
  }

  /* The layer view's own nodes, once for each card. */
  function build(card) {
    view = {
      card,
      quantity: select("Quantity", [], (value) => cockpit.set({ quantity: value })),
      grouping: select(
        "Grouping",
        Object.entries(GROUPINGS).map(([value, text]) => option(value, text)),
        group,
      ),
      search: searchField(),
      count: element("output", { class: "count" }),
      fold: button("Fold all", () => {
        const every = groupsOf(cockpit.state.grouping);
        cockpit.set({ folded: (cockpit.state.folded || []).length ? null : every });
      }),
      clear: button("", () => cockpit.set({ layers: null })),
      hint: element("p", { class: "layer-hint" }, HINT),
      list: element("div", { class: "layer-list", role: "group", "aria-label": "Layers to pick" }),
    };
    view.grouping.classList.add("focus-only");
    card.extra.replaceChildren(view.quantity, view.grouping);
    const tools = element("div", { class: "layer-tools" }, view.count, view.fold, view.clear);
    const explained = element("details", {}, element("summary", {}, "What this shows"));
    const aside = card.node.querySelector("aside");
    explained.append(...aside.childNodes);
    aside.classList.add("layer-view");
    aside.append(view.search, tools, view.hint, view.list, explained);
    listed = "";
  }

  /* One line of the list: a box to pick the layer, in the color of its lines; in a group without
   * what its heading says already. */
  function line(name, type, group) {
    const own = name.startsWith(`${group}.`) ? name.slice(group.length + 1) : name;
    const box = element("input", { type: "checkbox", "aria-label": name });
    box.addEventListener("change", () => togglePick(name));
    const swatch = element("i", { class: "pick-swatch", "aria-hidden": "true" });
    const label = element("span", { class: "name", title: name }, element("bdi", { dir: "ltr" }, own));
    const node = element("label", { class: "pick" }, box, swatch, label, element("small", {}, type));
    Object.assign(node, { box, swatch, layer: name, words: `${name} ${type}`.toLowerCase() });
    return node;
  }

  function folder(name, lines) {
    const summary = element("summary", {}, name, element("small", {}, String(lines.length)));
    const node = element("details", { class: "pick-group" }, summary, ...lines);
    node.group = name;
    summary.addEventListener("click", (event) => {
      event.preventDefault(); // the state decides what is open
      toggleFold(name);
    });
    return node;
  }

  function makeList() {
    const { grouping } = cockpit.state;
    const groupOf = grouping ? offers.groups[grouping] : [];
    view.lines = offers.layers.map((name, i) => line(name, offers.types[i], groupOf[i]));
    const groups = groupsOf(grouping).map((name) =>
      folder(name, view.lines.filter((_, i) => groupOf[i] === name)),
    );
    view.folders = groups;
    view.list.replaceChildren(...(grouping ? groups : view.lines));
  }

  /* Show the lines that match, at once; the picture follows. */
  function filter(text) {
    const words = text.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const node of view.lines) {
      node.hidden = !words.every((word) => node.words.includes(word));
      shown += !node.hidden;
    }
    for (const node of view.folders) {
      node.hidden = ![...node.querySelectorAll(".pick")].some((layer) => !layer.hidden);
    }
    const picked = (cockpit.state.layers || []).length;
    const total = view.lines.length;
    setText(view.count, shown === total ? `${total} parameters` : `${shown} of ${total} parameters`);
    setText(view.clear, `Clear ${picked} picked`);
    view.clear.hidden = picked === 0;
    view.hint.hidden = picked > 0;
  }

  function showPicked() {
    const wanted = new Set(cockpit.state.layers || []);
    const colored = !cockpit.state.compare; // there, colors are those of the runs
    let place = 0;
    for (const { layer, box, swatch } of view.lines) {
      box.checked = wanted.has(layer);
      const styled = colored && box.checked && place < MOST_STYLES;
      swatch.style.setProperty("--series", styled ? `var(--${ROLES[place % ROLES.length]})` : "transparent");
      swatch.toggleAttribute("data-dashed", styled && place >= ROLES.length);
      place += box.checked;
    }
  }

  /* Put the state into the layer view. */
  function show() {
    if (!view || view.card !== cockpit.cards.get("layers")) return;
    const { quantity, grouping, search, folded } = cockpit.state;
    view.quantity.value = offers.quantities.includes(quantity) ? quantity : offers.quantities[0];
    view.grouping.value = grouping || "";
    if (document.activeElement !== view.search) view.search.value = search;
    const signature = JSON.stringify([grouping, offers.layers, offers.groups]);
    if (signature !== listed) makeList();
    listed = signature;
    const closed = new Set(folded || []);
    for (const node of view.folders) node.open = !closed.has(node.group);
    view.fold.hidden = !grouping;
    setText(view.fold, closed.size ? "Unfold all" : "Fold all");
    showPicked();
    filter(view.search.value);
  }

  /* The layers and quantities of a run, as far as it has the instrument. */
  function offerLayers(given) {
    offers = given;
    const card = cockpit.cards.get("layers");
    if (!card) return;
    if (!view || view.card !== card) build(card);
    view.quantity.replaceChildren(...offers.quantities.map((name) => option(name, name)));
    show();
  }

  cockpit.onChange(show);
  Object.assign(cockpit, { offerLayers, togglePick, toggleFold });
})();
