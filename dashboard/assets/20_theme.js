/* Light, dark, or as the system has it. Runs before anything is drawn. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const KEY = "cockpit-theme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function resolved() {
    const theme = cockpit.state.theme;
    return theme === "system" ? (system.matches ? "dark" : "light") : theme;
  }

  function apply() {
    document.documentElement.setAttribute("data-mantine-color-scheme", resolved());
    if (cockpit.started) window.dash_clientside.set_props("mantine", { forceColorScheme: resolved() });
  }

  function remembered() {
    try {
      return localStorage.getItem(KEY);
    } catch (error) {
      return null; // storage is forbidden: the choice lasts as long as the page
    }
  }

  function remember(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch (error) {
      /* as above */
    }
  }

  document.documentElement.lang = "en";
  cockpit.resolvedTheme = resolved;
  cockpit.applyTheme = apply;
  if (["light", "dark"].includes(remembered())) cockpit.state.theme = remembered();
  cockpit.readAddress();
  apply();
  cockpit.onChange((changed) => {
    if (!changed.includes("theme")) return;
    remember(cockpit.state.theme);
    apply();
  });
  system.addEventListener("change", () => {
    if (cockpit.state.theme !== "system") return;
    apply();
    cockpit.redraw();
  });
})();
