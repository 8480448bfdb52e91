/* The head of the page: is all well, which run, how far, how fresh, at what cost. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { setText } = cockpit.dom;
  const find = (id) => document.getElementById(id);
  let facts = null;
  let clockShift = 0; // the server's clock minus ours, in seconds

  const integer = (value) => value.toLocaleString("en-US");

  function duration(seconds) {
    if (seconds < 60) return `${Math.round(seconds)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
    return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
  }

  function setFact(id, text) {
    setText(find(`fact-${id}`), text);
    find(`fact-${id}`).parentElement.hidden = text === "";
  }

  function overhead(fraction) {
    if (fraction === null) return "";
    const percent = 100 * fraction;
    return `${percent < 10 ? percent.toFixed(1) : integer(Math.round(percent))} %`;
  }

  function setFacts(given, now) {
    facts = given;
    clockShift = now - Date.now() / 1000;
    const status = find("fact-status");
    setText(status, given.status);
    status.dataset.status = given.status;
    setFact("step", given.step === null ? "none yet" : integer(given.step));
    setFact("epoch", given.epoch === null ? "" : String(Number(given.epoch.toFixed(2))));
    setFact("duration", duration(given.duration));
    setFact("overhead", overhead(given.overhead));
    setFact("attempt", given.attempts > 1 ? String(given.attempts) : "");
    setFact("read", given.read === null ? "" : `${Math.round(100 * given.read)} %`);
    setFact("skipped", given.skipped ? integer(given.skipped) : "");
    cockpit.showAlerts(given);
    tick();
  }

  /* Once a second: how old is what is shown. */
  function tick() {
    if (!facts) return;
    const age = duration(Math.floor(Math.max(0, Date.now() / 1000 + clockShift - facts.changed)));
    const open = ["running", "stalled"].includes(facts.status);
    setText(find("fact-age").previousElementSibling, open ? "Data age" : "Ended");
    setFact("age", open ? age : `${age.split(" ", 2).join(" ")} ago`);
  }

  function showTitle() {
    const sign = cockpit.worst ? `${cockpit.SHAPES[cockpit.worst]} ` : "";
    const step = facts && facts.step !== null ? ` · ${integer(facts.step)}` : "";
    document.title = `${sign}${cockpit.state.run ? cockpit.labelOf(cockpit.state.run) : "Cockpit"}${step}`;
  }

  function setConnected(on) {
    if (find("disconnected").hidden === on) return;
    find("disconnected").hidden = on;
    document.body.toggleAttribute("data-disconnected", !on);
  }

  function setMissing(on, name) {
    find("missing").hidden = !on;
    const text = name ? `There is no run “${name}” here. Choose another one above.` : "No run here yet.";
    setText(find("missing-text"), text);
    document.body.toggleAttribute("data-missing", on);
  }

  window.setInterval(tick, 1000);
  Object.assign(cockpit, { duration, integer, setFacts, setConnected, setMissing, showTitle });
})();
