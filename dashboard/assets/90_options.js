/* How a run looks in the run picker. */
window.dashMantineFunctions = window.dashMantineFunctions || {};
window.dashMantineFunctions.cockpitRun = function ({ option }) {
  const make = window.React.createElement;
  return make(
    "div",
    { className: "run-option" },
    make("span", { className: "sign", "data-status": option.status.split(" ")[0] }, option.sign),
    make("span", { className: "name" }, option.label),
    make("span", { className: "status" }, option.status),
  );
};
