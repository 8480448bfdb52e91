/* Asking for news: one question at a time, again and again, whatever happens to the server.
 *
 * A dcc.Interval that is switched off while its callback runs stays off for good if the server
 * dies meanwhile; a loop of our own comes back.
 */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const TIMEOUT_MS = 20000;
  const NORMAL_MS = 600;
  const FAST_MS = 120;
  const HIDDEN_MS = 5000;
  const SLOW_MS = 1500;
  const RETRY_MS = 2000;
  const stats = { polls: 0, failures: 0, bytes: 0, inFlight: 0, drawn: 0, pollMs: 0 };
  const known = { stamp: "", runs: "", offers: "", table: "", lamps: "" };
  let timer = null;
  let busy = false;
  let again = false;
  let viewAt = 0; // grows with each change of the view

  const base = () => JSON.parse(document.getElementById("_dash-config").textContent)
    .requests_pathname_prefix;

  /* The instruments to hear of: those on the screen, and those not known to be there. */
  function wanted() {
    const focus = document.body.hasAttribute("data-focus");
    const panels = {};
    for (const card of cockpit.cards.values()) {
      const shown = focus ? card.node.matches("[data-focused], [data-companion]") : card.visible;
      if (!document.hidden && (shown || !card.present)) panels[card.name] = card.token;
    }
    return panels;
  }

  /* How the user looks at the run, for a question and for a file that the server makes. */
  function view() {
    const { x, xscale, smoothing, window: range, step, layers, quantity, focus } = cockpit.state;
    const { search, grouping, folded } = cockpit.state;
    return { x, xscale, smoothing, window: range, step, layers, quantity, focus, search, grouping, folded };
  }

  function question() {
    return {
      run: cockpit.state.run || "",
      ...known,
      table: cockpit.tableShown() ? known.table : null,
      compare: cockpit.compared(),
      theme: cockpit.resolvedTheme(),
      view: view(),
      panels: cockpit.cards.size ? wanted() : null,
      numbers: cockpit.numbersWanted(),
    };
  }

  async function ask(body) {
    const response = await fetch(`${base()}poll`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    const text = await response.text();
    stats.bytes = text.length;
    return JSON.parse(text);
  }

  /* Another run: nothing of the old one may be taken for the new one's. */
  function forget() {
    known.stamp = "";
    known.offers = "";
    known.lamps = "";
    cockpit.forgetNumbers();
    for (const card of cockpit.cards.values()) card.token = ["", ""];
  }

  async function apply(reply, asked) {
    if (reply.runs) {
      cockpit.offerRuns(reply.runs);
      known.runs = reply.runs_stamp;
    }
    if (reply.table) {
      cockpit.setTable(reply.table);
      known.table = reply.table_stamp;
    }
    cockpit.setAbsent(reply.absent || []);
    cockpit.setMissing(Boolean(reply.missing), reply.name);
    if (reply.missing) return forget();
    if (!cockpit.state.run) {
      cockpit.settleRun(reply.name);
      cockpit.showControls();
    }
    if (reply.offers) {
      cockpit.setInstruments(reply.offers.instruments);
      cockpit.offer(reply.offers);
      known.offers = reply.offers_stamp;
    }
    if (reply.lamps) {
      cockpit.setLamps(reply.lamps);
      known.lamps = reply.lamps_stamp;
    }
    if (reply.facts) {
      cockpit.setFacts(reply.facts, reply.now);
      cockpit.offerSteps(reply.facts.step);
      cockpit.showTitle();
    }
    known.stamp = reply.stamp;
    if (asked === viewAt) cockpit.setNumbers(reply);
    for (const [name, news] of Object.entries(reply.panels || {})) {
      const card = cockpit.cards.get(name);
      if (!card || asked !== viewAt) continue; // drawn for a view that is no more
      if (news.panel !== undefined) await showPanel(card, news.panel);
      card.token = [asked === viewAt ? reply.stamp : "", news.digest];
    }
  }

  async function showPanel(card, panel) {
    const before = [card.present, card.size].join();
    cockpit.setPanel(card, panel);
    if ([card.present, card.size].join() !== before) {
      cockpit.arrange();
      cockpit.showFocus();
    }
    if (!panel) return;
    try {
      await cockpit.draw(card, panel);
      stats.drawn += 1;
    } catch (error) {
      console.error(`${card.name} could not be drawn`, error);
    }
  }

  async function poll() {
    busy = true;
    again = false;
    const asked = viewAt;
    const started = performance.now();
    let wait = cockpit.state.refresh === "fast" ? FAST_MS : NORMAL_MS;
    try {
      stats.inFlight += 1;
      const reply = await ask(question());
      stats.inFlight -= 1;
      stats.polls += 1;
      cockpit.setConnected(true);
      if ([null, reply.name].includes(cockpit.state.run)) await apply(reply, asked);
      stats.pollMs = performance.now() - started;
      wait = Math.min(Math.max(wait, stats.pollMs), SLOW_MS); // leave some time to the training
    } catch (error) {
      stats.inFlight = 0;
      stats.failures += 1;
      cockpit.setConnected(false);
      wait = RETRY_MS;
    }
    busy = false;
    if (document.hidden) wait = Math.max(wait, HIDDEN_MS);
    timer = window.setTimeout(poll, again ? 0 : wait);
  }

  /* Ask as soon as possible. */
  function refresh() {
    again = true;
    if (busy || !cockpit.started) return;
    window.clearTimeout(timer);
    poll();
  }

  /* Another view: the same drawings may be right, so their digests stay; whether is asked anew. */
  function redraw() {
    viewAt += 1;
    cockpit.doubtNumbers();
    for (const card of cockpit.cards.values()) card.token = ["", card.token[1]];
    refresh();
  }

  cockpit.onChange((changed) => {
    if (changed.includes("run")) forget();
    if (changed.includes("focus")) cockpit.showFocus();
    redraw();
  });
  document.addEventListener("visibilitychange", () => document.hidden || refresh());

  Object.assign(cockpit, { refresh, redraw, stats, view });
})();
