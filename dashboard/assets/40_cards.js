/* One card for each instrument: title, current value, help, full screen, and the drawing. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { element, icon, setText, toolButton, popover } = cockpit.dom;
  const cards = new Map(); // instrument name -> card
  let made = 0;

  const HELP = [
    ["shows", "Shows"],
    ["good", "Good"],
    ["bad", "Trouble"],
    ["do", "What to do"],
    ["source", "Source"],
  ];

  function explanation(help) {
    const list = element("dl", { class: "explanation" });
    for (const [key, label] of HELP) {
      if (help[key]) list.append(element("dt", {}, label), element("dd", { class: key }, help[key]));
    }
    return list;
  }

  function helpButton(described, id) {
    const button = toolButton(`What ${described.title} means`, "?");
    button.classList.add("help");
    return [button, popover(button, id, element("h4", {}, described.title), explanation(described.help))];
  }

  /* The buttons at the right of a card's title; some only in full screen. */
  function toolsOf(card, help) {
    const focus = () => cockpit.set({ focus: cockpit.state.focus === card.name ? null : card.name });
    card.expand = toolButton("Full screen", icon(cockpit.icons.expand), focus);
    const inFocus = [
      toolButton("Previous instrument", icon(cockpit.icons.previous), () => step(-1)),
      toolButton("Next instrument", icon(cockpit.icons.next), () => step(1)),
    ];
    for (const button of inFocus) button.classList.add("focus-only");
    return element("span", { class: "tools" }, ...inFocus, ...cockpit.saveMenu(card), help, card.expand);
  }

  function make(described) {
    const id = `card-${made++}`;
    const card = { name: described.name, described, token: ["", ""], present: false };
    const [help, popover] = helpButton(described, `${id}-help`);
    card.current = element("output", { class: "current" });
    card.note = element("span", { class: "note" });
    card.plot = element("div", { class: "plot", role: "img", "aria-label": described.title });
    card.extra = element("span", { class: "extra" });
    card.mark = element("button", { type: "button", class: "tool mark", hidden: true });
    cockpit.aboutButton(card.mark, () => card.alert);
    card.title = element("h3", { id: `${id}-title` }, described.title);
    const attributes = { class: "card", "data-name": card.name, "aria-labelledby": card.title.id };
    card.node = element(
      "section",
      attributes,
      element("header", {}, card.mark, card.title, card.extra, toolsOf(card, help)),
      element("p", { class: "reading" }, card.current, card.note),
      element(
        "div",
        { class: "body" },
        element("div", { class: "canvas" }, card.plot),
        element("aside", { class: "focus-only" }, explanation(described.help), cockpit.numbersOf(card)),
      ),
      popover,
    );
    return card;
  }

  /* Make the cards of a run's instruments, in order; forget those of another run's. */
  function setInstruments(described) {
    const wanted = new Map(described.map((one) => [one.name, one]));
    for (const [name, card] of cards) {
      const one = wanted.get(name);
      if (one && JSON.stringify(one) === JSON.stringify(card.described)) continue;
      cockpit.undraw(card);
      card.node.remove();
      cards.delete(name);
    }
    const before = new Map(cards);
    cards.clear();
    for (const one of described) cards.set(one.name, before.get(one.name) || make(one));
    cockpit.arrange();
    for (const card of cards.values()) if (!before.has(card.name)) cockpit.watch(card);
  }

  /* Show one panel's texts, and whether the run has it at all. */
  function setPanel(card, panel) {
    card.present = panel !== null;
    if (!card.present) return card.node.remove();
    card.size = panel.size;
    setText(card.current, panel.current);
    setText(card.note, panel.note);
    card.note.title = panel.note;
    card.plot.setAttribute("aria-label", `${panel.title}: ${panel.current || "see the picture"}`);
  }

  /* The instrument in full screen, if this run has it. */
  function showFocus() {
    const name = cockpit.state.focus;
    const card = cards.get(name);
    const on = Boolean(card && card.present);
    const companions = on ? card.described.companions : [];
    document.body.toggleAttribute("data-focus", on);
    for (const [key, other] of cards) {
      const here = on && key === name;
      other.node.toggleAttribute("data-focused", here);
      other.node.toggleAttribute("data-companion", companions.includes(key));
      other.node.style.order = companions.indexOf(key) < 0 ? "" : companions.indexOf(key);
      const label = here ? "Back to all instruments" : "Full screen";
      other.expand.title = label;
      other.expand.setAttribute("aria-label", label);
      other.expand.replaceChildren(icon(here ? cockpit.icons.shrink : cockpit.icons.expand));
    }
  }

  /* The next (or previous) instrument of the page in full screen. */
  function step(by) {
    const present = [...cards.values()].filter((card) => card.present).map((card) => card.name);
    if (!present.length) return;
    const at = present.indexOf(cockpit.state.focus);
    cockpit.set({ focus: present[(at + by + present.length) % present.length] });
  }

  Object.assign(cockpit, { cards, setInstruments, setPanel, showFocus, stepFocus: step });
})();
