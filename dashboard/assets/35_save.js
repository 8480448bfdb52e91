/* What can be taken away: a panel as picture or numbers, the whole cockpit as file. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { element, icon, toolButton, popover } = cockpit.dom;
  const WIDTH = 1000; // pixels of a saved picture, at twice the resolution
  const HEIGHTS = { normal: 560, tall: 900 };
  let made = 0;

  const base = () => JSON.parse(document.getElementById("_dash-config").textContent)
    .requests_pathname_prefix;

  /* The address of a file that the server makes of the present view. */
  function fileAddress(name, more) {
    const query = new URLSearchParams({ run: cockpit.state.run || "", view: JSON.stringify(cockpit.view()), ...more });
    return `${base()}${name}?${query}`;
  }

  function fetchFile(name, more) {
    element("a", { href: fileAddress(name, more), download: "" }).click();
  }

  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

  /* The figure as it is saved: with its title, and room for what the page says of it. */
  function titled(card) {
    const layout = structuredClone(card.figure.layout);
    const current = plain(card.current.textContent);
    const note = plain(card.note.textContent);
    const title = `<b>${plain(card.title.textContent)}</b>  ${current}<br><sup>${note}</sup>`;
    const font = { size: 16, color: getComputedStyle(card.node).color };
    layout.title = { text: title, x: 0.02, xanchor: "left", font };
    layout.margin = { ...layout.margin, t: layout.margin.t + 56 };
    for (const name of card.history) layout[name].range = card.plot.layout[name].range;
    return { data: card.figure.data, layout };
  }

  function savePicture(card, format) {
    const filename = `${cockpit.state.run || "run"}-${card.name}`.replace(/[^\w.-]+/g, "_");
    const size = { width: WIDTH, height: HEIGHTS[card.size] };
    window.Plotly.downloadImage(titled(card), { format, filename, scale: 2, ...size });
  }

  function menuItem(label, explained, onclick) {
    const button = element(
      "button",
      { type: "button", class: "menu-item", "aria-label": label },
      element("span", {}, label),
      element("span", { class: "explained" }, explained),
    );
    button.addEventListener("click", () => {
      button.closest("[popover]").hidePopover();
      onclick();
    });
    return button;
  }

  /* The button of a card that saves it, and its menu. */
  function saveMenu(card) {
    const button = toolButton("Save", icon(cockpit.icons.save));
    button.classList.add("save");
    const menu = popover(
      button,
      `save-${made++}`,
      menuItem("PNG", "picture", () => savePicture(card, "png")),
      menuItem("SVG", "picture, any size", () => savePicture(card, "svg")),
      menuItem("CSV", "all that is drawn, every step", () => fetchFile("panel.csv", { instrument: card.name })),
    );
    menu.classList.add("menu");
    return [button, menu];
  }

  /* The menu behind the button in the head of the page. */
  function offerExport() {
    const button = document.getElementById("export-button");
    const menu = popover(
      button,
      "export",
      menuItem("Web page", "one file that opens anywhere, 2 MB", () => fetchFile("cockpit.html")),
      menuItem("PDF", "one sheet, takes some seconds", () => fetchFile("cockpit.pdf")),
      menuItem("Numbers", "the record at this step as CSV", () => fetchFile("record.csv")),
    );
    menu.classList.add("menu");
    document.body.append(menu);
  }

  Object.assign(cockpit, { saveMenu, offerExport, fetchFile, fileAddress });
})();
