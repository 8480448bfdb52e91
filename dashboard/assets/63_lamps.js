/* The lamps: what a lit one means, which watch and see nothing, and which cannot tell. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { element, setText, place, popover } = cockpit.dom;
  const find = (id) => document.getElementById(id);
  const OUT = { warning: "△", caution: "◇", advisory: "○" }; // as in render/theme.py
  const SVG = "http://www.w3.org/2000/svg";
  let lamps = { watched: false, watching: 0, healthy: [], hidden: [], absent: [], silenced: [], past: [], about: {} };
  let away = { acknowledged: [], silenced: [] };
  let open = 0; // alerts in the strip

  const integer = (value) => cockpit.integer(value);
  const count = (n, one, many) => `${integer(n)} ${n === 1 ? one : many || one}`;

  /* The course of a quantity in a few pixels, with the stretch that an alert is about. */
  function curve() {
    const make = (tag, attributes) => {
      const node = document.createElementNS(SVG, tag);
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      return node;
    };
    const picture = make("svg", { viewBox: "0 0 120 24", preserveAspectRatio: "none", role: "img" });
    const zone = make("rect", { class: "zone", y: 0, height: 24 });
    const line = make("path", { class: "line" });
    picture.append(zone, line);
    const caption = element("figcaption", {});
    const node = element("figure", { class: "curve" }, picture, caption);

    function set(given) {
      node.hidden = !given;
      if (!given) return;
      zone.setAttribute("x", given.since);
      zone.setAttribute("width", Math.max(120 - given.since, 1));
      line.setAttribute("d", given.path);
      picture.setAttribute("aria-label", given.said);
      node.title = given.said;
      setText(caption, given.quantity);
    }
    return { node, set };
  }

  /* A button that opens, and closes again, what there is to say of an alert. */
  function aboutButton(button, alertOf) {
    button.addEventListener("click", () => describe(button, alertOf()));
    button.popoverTargetElement = aboutBox();
    return button;
  }

  let box = null;
  let opener = null;

  function aboutBox() {
    if (box) return box;
    box = element("div", { popover: "auto", class: "popover about-alert" });
    box.addEventListener("toggle", (event) => {
      if (event.newState === "open") place(box, opener);
    });
    document.body.append(box);
    return box;
  }

  function describe(button, alert) {
    opener = button;
    const more = lamps.about[alert.lamp] || { text: [], source: "", page: "", kind: "" };
    const level = alert.level[0].toUpperCase() + alert.level.slice(1);
    const kind = [level, more.kind, cockpit.whenOf(alert)].filter(Boolean).join(" · ");
    const silenced = cockpit.stateOf(alert) === "silenced";
    const quiet = element("button", { type: "button", class: "quiet-button" },
      silenced ? "Show it again" : "Silence for this run");
    quiet.addEventListener("click", () => {
      aboutBox().hidePopover();
      cockpit.silence(alert, !silenced);
    });
    aboutBox().replaceChildren(
      element("h4", {}, element("span", { class: "sign", "data-level": alert.level }, cockpit.SHAPES[alert.level]),
        ` ${alert.message}`),
      element("p", { class: "kind" }, kind, quiet),
      explanation(alert, more),
    );
  }

  function explanation(alert, more) {
    const list = element("dl", { class: "explanation" });
    const add = (label, ...content) => list.append(element("dt", {}, label), element("dd", {}, ...content));
    if (alert.means) add("What it means", alert.means);
    if (alert.advice) add("What to do", alert.advice);
    if (alert.evidence) add("Evidence", alert.evidence, numbersOf(alert.numbers));
    if (alert.layers.length) add("Where", alert.layers.join(", "));
    if (alert.suggestion) add("What a program would change", alert.suggestion);
    if (alert.consequences.length) add("It explains", ...alert.consequences.map(consequence));
    if (more.text.length) add("How it is told", ...more.text.map((text) => element("p", {}, text)));
    if (more.source) add("Source", more.source);
    if (more.page) add("More", more.page);
    return list;
  }

  const short = (value) => (typeof value === "number" ? Number(value.toPrecision(4)).toLocaleString("en-US") : value);

  function numbersOf(numbers) {
    const body = Object.entries(numbers).map(([name, value]) =>
      element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, short(value))),
    );
    return body.length ? element("table", { class: "evidence-numbers" }, ...body) : "";
  }

  function consequence(one) {
    const since = one.step === null ? "" : ` since step ${integer(one.step)}`;
    const sign = element("span", { class: "sign", "data-level": one.level }, cockpit.SHAPES[one.level]);
    return element("p", {}, sign, ` ${one.title}${since}. `, element("span", { class: "quietly" }, one.evidence));
  }

  /* The last line of the strip: what was put away, and who watches. */
  function showQuiet(opened, acknowledged, silenced) {
    open = opened;
    away = { acknowledged, silenced };
    const put = [];
    if (acknowledged.length) put.push(`${integer(acknowledged.length)} acknowledged`);
    if (silenced.length) put.push(`${integer(silenced.length)} silenced`);
    let text = put.join(" · ");
    if (!open && text) text = `No new alerts · ${text}`;
    if (!open && !text) text = lamps.watched ? "No lamp lit" : "No alerts";
    const { watching, absent, watched } = lamps;
    const missing = absent.reduce((sum, one) => sum + one.titles.length, 0);
    setText(find("quiet"), text);
    setText(find("lamps-button"), `${count(watching, "lamp")}${watching === 1 ? " watches" : "s watch"}` +
      (missing ? `, ${integer(missing)} absent` : ""));
    find("lamps-button").hidden = !watched && !put.length;
    if (!watched) setText(find("lamps-button"), "Show");
    find("quiet").hidden = !text;
    if (find("lamps") && find("lamps").matches(":popover-open")) fill();
  }

  function setLamps(given) {
    lamps = given;
  }

  function part(title, ...content) {
    return content.length ? [element("h5", {}, title), ...content] : [];
  }

  function put(alert, state) {
    const again = element("button", { type: "button", class: "quiet-button" }, "Show again");
    again.addEventListener("click", () =>
      state === "silenced" ? cockpit.silence(alert, false) : cockpit.acknowledge(alert, false),
    );
    const sign = element("span", { class: "sign", "data-level": alert.level }, cockpit.SHAPES[alert.level]);
    return element("p", { class: "put-away" }, sign, ` ${alert.message}, ${cockpit.whenOf(alert)} `, again);
  }

  function over(one) {
    const steps = `steps ${integer(one.since)} to ${integer(one.until)}`;
    return element("p", { title: one.evidence }, `${OUT[one.level]} ${one.title} `, element("span", { class: "quietly" }, steps));
  }

  const named = (label, titles) =>
    element("p", {}, element("span", { class: "quietly" }, `${label}: `), titles.join(", "));

  function fill() {
    const { healthy, hidden, absent, silenced, past, watching } = lamps;
    const listed = (titles) => (titles.length ? [element("p", {}, titles.join(", "))] : []);
    const missing = absent.reduce((sum, one) => sum + one.titles.length, 0);
    const dark = healthy.reduce((sum, one) => sum + one.titles.length, 0);
    find("lamps").replaceChildren(
      element("h4", {}, "Lamps"),
      ...part("Acknowledged, until they change", ...away.acknowledged.map((one) => put(one, "acknowledged"))),
      ...part("Silenced for this run", ...away.silenced.map((one) => put(one, "silenced"))),
      ...part("Were lit, and went out", ...past.map(over)),
      ...part(`${dark === watching ? count(dark, "lamp watches", "lamps watch") : `${integer(dark)} others watch`}, and see nothing wrong`,
        ...healthy.map((one) => named(one.group, one.titles))),
      ...part("Not told apart from what was lit", ...listed(hidden)),
      ...part(`${count(missing, "lamp")}${missing === 1 ? "" : "s"} absent`,
        ...absent.map((one) => named(one.why, one.titles))),
      ...part("Silenced by the program", ...listed(silenced)),
    );
  }

  /* The button in the strip opens it. */
  function offerLamps() {
    const made = popover(find("lamps-button"), "lamps");
    made.classList.add("lamps");
    made.addEventListener("beforetoggle", (event) => event.newState === "open" && fill());
    find("shell").append(made);
  }

  const toggleLamps = () => find("lamps-button").hidden || find("lamps").togglePopover();

  Object.assign(cockpit, { curve, aboutButton, showQuiet, setLamps, offerLamps, toggleLamps });
})();
