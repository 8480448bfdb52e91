/* What needs attention: a row for each alert, what the user put away, and the signs on the panels. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { element, setText, toolButton } = cockpit.dom;
  const find = (id) => document.getElementById(id);
  const SHAPES = { warning: "▲", caution: "◆", advisory: "●" }; // as in render/theme.py
  const ACKNOWLEDGED = ["sessionStorage", "cockpit-acknowledged"]; // until the tab is closed
  const SILENCED = ["localStorage", "cockpit-silenced"]; // for good
  let given = { alerts: [], attempts: 1 };
  const rows = new Map(); // id of an alert -> its row

  function kept([where, name]) {
    try {
      return new Set(JSON.parse(window[where].getItem(name) || "[]"));
    } catch (error) {
      return new Set();
    }
  }

  function keep([where, name], key, on) {
    const all = kept([where, name]);
    if (on) all.add(key);
    else all.delete(key);
    try {
      window[where].setItem(name, JSON.stringify([...all]));
    } catch (error) {
      return; // storage is forbidden: the alert stays
    }
    show();
  }

  const acknowledgeKey = (alert) => `${cockpit.state.run}|${alert.id}|${given.attempts}`;
  const silenceKey = (alert) => `${find("shell").dataset.folder}|${cockpit.state.run}|${alert.lamp}`;
  const acknowledge = (alert, on) => keep(ACKNOWLEDGED, acknowledgeKey(alert), on);
  const silence = (alert, on) => keep(SILENCED, silenceKey(alert), on);

  /* An alert stands in the strip, or was put away: acknowledged until it is another one, a lamp
   * silenced as long as the run is there. */
  function stateOf(alert) {
    if (alert.lamp && kept(SILENCED).has(silenceKey(alert))) return "silenced";
    return kept(ACKNOWLEDGED).has(acknowledgeKey(alert)) ? "acknowledged" : "open";
  }

  function when(alert) {
    if (alert.step === null) return "";
    if (alert.lamp) return `since step ${cockpit.integer(alert.step)}`;
    const times = alert.count > 1 ? ` to ${cockpit.integer(alert.last)}, ${cockpit.integer(alert.count)} times` : "";
    return `step ${cockpit.integer(alert.step)}${times}`;
  }

  /* A row; texts are set by fill(), so that what has the focus keeps it while numbers change. */
  function makeRow(alert) {
    const row = { alert };
    const said = (name, attributes) => (row[name] = element("span", { class: name, ...attributes }));
    const acknowledgeButton = element("button", { type: "button", class: "quiet-button" }, "Acknowledge");
    acknowledgeButton.addEventListener("click", () => acknowledge(row.alert, true));
    const about = alert.lamp
      ? cockpit.aboutButton(toolButton(`What “${alert.message}” means`, "?"), () => row.alert)
      : "";
    row.curve = cockpit.curve();
    row.node = element(
      "li",
      { class: "alert" },
      said("level"),
      element(
        "div",
        { class: "said" },
        element("p", {}, said("message"), " ", said("when", { "aria-live": "off" }), " ", said("means")),
        element("p", {}, said("advice")),
        element("p", { class: "why" }, said("evidence", { "aria-live": "off" }), " ", said("explains")),
      ),
      row.curve.node,
      element("span", { class: "tools" }, about, acknowledgeButton),
    );
    return row;
  }

  function fill(row, alert) {
    row.alert = alert;
    row.node.dataset.level = alert.level;
    row.node.toggleAttribute("data-lamp", Boolean(alert.lamp));
    setText(row.level, `${SHAPES[alert.level]} ${alert.level}`);
    setText(row.message, alert.message);
    setText(row.when, when(alert));
    setText(row.means, alert.means);
    setText(row.advice, alert.advice);
    setText(row.evidence, alert.evidence);
    row.curve.set(alert.curve);
    const signature = JSON.stringify(alert.consequences);
    if (row.explained === signature) return;
    row.explained = signature;
    const named = alert.consequences.map((one) =>
      element("span", { class: "consequence", "data-level": one.level, title: one.evidence },
        `${SHAPES[one.level]} ${one.title}`),
    );
    row.explains.replaceChildren(...(named.length ? ["It explains ", ...named] : []));
  }

  /* Put the rows of the open alerts into the strip, in order; those that are there stay. */
  function place(open) {
    const list = find("alerts");
    const wanted = new Map(open.map((alert) => [`${cockpit.state.run}|${alert.id}`, alert]));
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      row.node.remove();
      rows.delete(id);
    }
    let at = 0;
    for (const [id, alert] of wanted) {
      const row = rows.get(id) || makeRow(alert);
      rows.set(id, row);
      fill(row, alert);
      if (list.children[at] !== row.node) list.insertBefore(row.node, list.children[at] || null);
      at += 1;
    }
  }

  /* The sign of a panel that lit lamps are about: the worst of them. */
  function showMarks(alerts) {
    for (const card of cockpit.cards.values()) {
      const about = alerts.filter((alert) => alert.panels.includes(card.name));
      card.mark.hidden = !about.length;
      if (!about.length) continue;
      const text = about.map((alert) => `${alert.level}: ${alert.message}`).join("; ");
      card.alert = about[0];
      card.mark.dataset.level = about[0].level;
      setText(card.mark, SHAPES[about[0].level]);
      card.mark.title = text;
      card.mark.setAttribute("aria-label", text);
    }
  }

  function show() {
    const states = given.alerts.map((alert) => [alert, stateOf(alert)]);
    const of = (state) => states.filter(([, s]) => s === state).map(([alert]) => alert);
    const open = of("open");
    place(open);
    showMarks(given.alerts.filter((alert) => stateOf(alert) !== "silenced"));
    cockpit.showQuiet(open.length, of("acknowledged"), of("silenced"));
    cockpit.worst = open.length && open[0].level !== "advisory" ? open[0].level : "";
    cockpit.showTitle();
  }

  function showAlerts(facts) {
    given = facts;
    show();
  }

  Object.assign(cockpit, { SHAPES, showAlerts, stateOf, acknowledge, silence, whenOf: when });
})();
