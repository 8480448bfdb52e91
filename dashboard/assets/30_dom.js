/* Small pieces of page, made without markup: texts from a log can never become elements. */
(function () {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";

  /* element("p", {class: "note"}, "text", child, …) */
  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  }

  /* A line icon of 16 by 16. */
  function icon(path) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("class", "icon");
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  }

  /* Set a text only where it differs, so that nothing is announced or laid out anew. */
  function setText(node, text) {
    if (node && node.textContent !== text) node.textContent = text;
  }

  /* A button of the head of a card. */
  function toolButton(label, content, onclick) {
    const button = element("button", { type: "button", class: "tool", title: label }, content);
    button.setAttribute("aria-label", label);
    if (onclick) button.addEventListener("click", onclick);
    return button;
  }

  /* What opens beside a button, within the window. */
  function popover(button, id, ...content) {
    const made = element("div", { id, popover: "auto", class: "popover" }, ...content);
    button.setAttribute("popovertarget", id);
    made.addEventListener("toggle", (event) => {
      if (event.newState === "open") place(made, button);
    });
    return made;
  }

  function place(opened, button) {
    const at = button.getBoundingClientRect();
    const box = opened.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.right - box.width), window.innerWidth - box.width - 8);
    const below = at.bottom + 6 + box.height < window.innerHeight;
    opened.style.left = `${left}px`;
    opened.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - 6 - box.height)}px`;
  }

  window.cockpit.dom = { element, icon, setText, toolButton, popover, place };
  window.cockpit.icons = {
    expand: "M9.5 2.5h4v4M13.5 2.5l-4.5 4.5M6.5 13.5h-4v-4M2.5 13.5l4.5-4.5",
    shrink: "M13 7H9V3M9 7l4.5-4.5M3 9h4v4M7 9l-4.5 4.5",
    save: "M8 2.5v7M5 7l3 3 3-3M2.5 11.5v2h11v-2",
    close: "M4 4l8 8M12 4l-8 8",
    copy: "M5.5 5.5h8v8h-8zM3 10.5h-.5v-8h8V3",
    previous: "M10 3.5 5.5 8l4.5 4.5",
    next: "M6 3.5 10.5 8 6 12.5",
  };
})();
