/* Pictures whose rows are layers: what the server leaves out, names where there is room, clicks. */
(function () {
  "use strict";
  const cockpit = window.cockpit;
  const ROW = 14; // pixels that a name needs
  const LETTER = 6; // pixels that one needs
  const NAMES = 0.3; // share of the width that names may take
  const STILL = 4; // pixels: more is a drag
  const TYPES = { f4: Float32Array, f8: Float64Array, i4: Int32Array };

  const INVERSE = {
    linear: (z) => z,
    log: (z) => 10 ** z,
    symlog: (z, threshold) => Math.sign(z) * threshold * (10 ** Math.abs(z) - 1),
  };

  function numbers({ dtype, bdata }) {
    const bytes = Uint8Array.from(atob(bdata), (letter) => letter.charCodeAt(0));
    return new TYPES[dtype](bytes.buffer);
  }

  /* A text that plotly shows as it is: names from a log may look like markup. */
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

  /* Names and values for the hover text, which would be most of the bytes of the answer. */
  function complete(trace) {
    const { rows, scale, linthresh } = trace.meta;
    const flat = numbers(trace.z);
    const width = flat.length / rows.length;
    const value = (z) => INVERSE[scale](z, linthresh);
    trace.customdata = rows.map((_, i) =>
      Array.from(flat.subarray(i * width, (i + 1) * width), value),
    );
    trace.text = rows.map((name) => new Array(width).fill(plain(name)));
  }

  /* The end of a name that is too long, from the beginning of one of its parts. */
  function cut(text, letters) {
    if (text.length <= letters) return text;
    const end = text.slice(1 - Math.max(letters, 8));
    const dot = end.indexOf(".");
    return `…${dot >= 0 && dot < end.length / 2 ? end.slice(dot + 1) : end}`;
  }

  /* As many names as there is room for: groups first, then picked layers, then the others. */
  function fitting({ names, rows, headings }, letters, length, [bottom, top]) {
    const low = Math.min(bottom, top);
    const perRow = length / Math.abs(top - bottom);
    const picked = new Set(cockpit.state.layers || []);
    const rank = (i) => (headings.has(i) ? 0 : picked.has(rows[i]) ? 1 : 2);
    const order = rows.map((_, i) => i).sort((a, b) => rank(a) - rank(b) || a - b);
    const slots = Math.max(1, Math.floor(length / ROW));
    const taken = new Float64Array(slots + 2).fill(-Infinity); // position of the name in a slot
    const kept = [];
    for (const i of order) {
      const at = (i + 0.5 - low) * perRow;
      const slot = Math.floor((at * slots) / length);
      if (slot < 0 || slot >= slots) continue;
      const near = [slot - 1, slot, slot + 1].some((s) => Math.abs(taken[s] - at) < ROW - 1);
      if (near) continue;
      taken[slot] = at;
      kept.push(i);
    }
    const name = (i) => plain(cut(names[i], letters));
    const text = (i) => (picked.has(rows[i]) ? `<b>${name(i)}</b>` : name(i));
    return { tickvals: kept.map((i) => i + 0.5), ticktext: kept.map(text) };
  }

  const lettersOf = (card) => Math.floor((card.plot.clientWidth * NAMES) / LETTER);

  /* Complete a figure that has come from the server, before it is drawn. */
  function fillRows(card, { data, layout }) {
    const maps = data.filter((trace) => trace.meta && trace.meta.rows);
    card.rows = maps.map((trace) => {
      complete(trace);
      const { rows, names, headings } = trace.meta;
      const [x, y] = ["x", "y"].map((which) => `${which}axis${trace[`${which}axis`].slice(1)}`);
      return { x, y, rows, names, headings: new Set(headings) };
    });
    card.plot.toggleAttribute("data-rows", card.rows.length > 0);
    for (const map of card.rows) {
      const axis = layout[map.y];
      axis.uirevision = JSON.stringify(map.rows); // other rows: all of them are shown
      const drawn = card.plot._fullLayout && card.plot._fullLayout[map.y];
      const range = drawn && drawn.uirevision === axis.uirevision ? drawn.range : axis.range;
      const [from, to] = axis.domain;
      const length = (to - from) * Math.max(60, card.plot.clientHeight - 80);
      Object.assign(axis, fitting(map, lettersOf(card), length, range));
    }
  }

  /* After zooming or resizing: other names have room. */
  function fitRows(card) {
    const changes = {};
    for (const map of card.rows) {
      const drawn = card.plot._fullLayout[map.y];
      const { tickvals, ticktext } = fitting(map, lettersOf(card), drawn._length, drawn.range);
      if (JSON.stringify(ticktext) === JSON.stringify(drawn.ticktext)) continue;
      Object.assign(changes, { [`${map.y}.tickvals`]: tickvals, [`${map.y}.ticktext`]: ticktext });
    }
    if (Object.keys(changes).length) window.Plotly.relayout(card.plot, changes);
  }

  /* The row under the pointer; beside a picture, where its name stands, as well. */
  function clicked(card, event) {
    const box = card.plot.getBoundingClientRect();
    const [across, down] = [event.clientX - box.left, event.clientY - box.top];
    const layout = card.plot._fullLayout;
    const map = card.rows.findLast((one, i) => {
      const [x, y] = [layout[one.x], layout[one.y]];
      const inside = down >= y._offset && down <= y._offset + y._length;
      return inside && across <= x._offset + x._length && (i === 0 || across >= x._offset);
    });
    if (!map) return;
    const row = Math.floor(layout[map.y].p2d(down - layout[map.y]._offset));
    const name = map.rows[row];
    if (name === undefined) return;
    if (map.headings.has(row)) cockpit.toggleFold(name);
    else cockpit.togglePick(name);
  }

  /* Plotly's own click knows nothing of names and of rows without cells. */
  function listenRows(card) {
    let from = null;
    card.plot.addEventListener("pointerdown", (event) => (from = event), true);
    card.plot.addEventListener("click", (event) => {
      const moved = from && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY);
      if (from && moved < STILL) clicked(card, event);
    });
    card.plot.on("plotly_relayout", (change) => {
      if (Object.keys(change).some((key) => /^yaxis\d*\.(range|autorange)/.test(key))) fitRows(card);
    });
  }

  Object.assign(cockpit, { fillRows, fitRows, listenRows });
})();
