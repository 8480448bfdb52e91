/* Where each card stands: in order, down the columns of its group, without holes.
 *
 * A card takes one unit of height, or two where it has panels at its sides. All columns of a row
 * of groups are equally high, so that the lines between cards meet.
 */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const { element } = cockpit.dom;
  const ROWS = 3; // units in a column, where there is room
  const WIDE = window.matchMedia("(min-width: 1200px)");
  const WIDER = window.matchMedia("(min-width: 1500px)");
  const WIDEST = window.matchMedia("(min-width: 1900px)");
  const NARROW = window.matchMedia("(max-width: 699px)");
  const CARD_WIDTH = 260;

  const units = (card) => (card.size === "tall" ? 2 : 1);
  const sum = (cards) => cards.reduce((total, card) => total + units(card), 0);

  /* How many columns a group gets. */
  function columnCount(group, shown) {
    if (NARROW.matches) return 1;
    if (!WIDE.matches) return Math.min(2, shown.length);
    const fitting = Math.floor((window.innerWidth - 48) / CARD_WIDTH);
    if (group === "performance") return Math.min(shown.length, fitting);
    const most = WIDEST.matches ? 4 : WIDER.matches ? 3 : 2;
    return Math.min(Math.ceil(sum(shown) / ROWS), shown.length, most);
  }

  /* Fill columns up to a height, in order. */
  function fill(shown, height) {
    const columns = [[]];
    for (const card of shown) {
      if (sum(columns.at(-1)) + units(card) > height && columns.at(-1).length) columns.push([]);
      columns.at(-1).push(card);
    }
    return columns;
  }

  /* At most `count` columns, as low as can be. */
  function cut(shown, count) {
    let height = Math.max(...shown.map(units), Math.ceil(sum(shown) / count));
    let columns = fill(shown, height);
    while (columns.length > count) columns = fill(shown, ++height);
    return columns;
  }

  function place(node, shown) {
    const columns = cut(shown, columnCount(node.dataset.group, shown));
    node.style.setProperty("--columns", columns.length);
    node.style.setProperty("--rows", Math.max(...columns.map(sum)));
    const signature = JSON.stringify(columns.map((column) => column.map((card) => card.name)));
    if (node.arranged === signature) return;
    node.arranged = signature;
    const made = columns.map((column) =>
      element("div", { class: "column" }, ...column.map((card) => card.node)),
    );
    node.querySelector(".grid").replaceChildren(...made);
  }

  /* Put every card of the run into its place; groups without cards vanish. */
  function arrange() {
    const cards = [...cockpit.cards.values()].filter((card) => card.present);
    for (const card of cards) card.node.style.setProperty("--units", units(card));
    for (const node of document.querySelectorAll("[data-group]")) {
      const shown = cards.filter((card) => card.described.group === node.dataset.group);
      node.hidden = shown.length === 0;
      if (shown.length) place(node, shown);
    }
    document.getElementById("nothing").hidden = cards.length > 0;
  }

  for (const media of [WIDE, WIDER, WIDEST, NARROW]) media.addEventListener("change", arrange);
  cockpit.arrange = arrange;
})();
