// Pieces that several views are made of.

import { h } from "./dom.js";
import { readyOf, standingOf } from "./graph.js";
import { idOf } from "./state.js";
import { age, moment } from "./words.js";

const SIGNS = { ready: "✓", failed: "✗", waiting: "…", suspended: "‖", none: "·" };
const WORDS = { ready: "ready", failed: "not ready", waiting: "not known yet", suspended: "suspended", none: "not reconciled" };

/** How something stands: a sign, a colour and a word, so that none of them alone has to be seen. */
export const standing = (object) => {
  const is = standingOf(object);
  return h(`span.standing.${is}`, {}, h("span", { "aria-hidden": "true" }, SIGNS[is]), " ", WORDS[is]);
};

export const link = (id, ...text) => h("a", { href: `#/object/${encodeURI(id)}` }, ...(text.length ? text : [id]));

/** The name of an object with its namespace, as a link to it. */
export const nameOf = (object) => {
  const { namespace, name } = object.metadata;
  return link(idOf(object), namespace ? `${namespace}/${name}` : name);
};

/** How long ago, with the moment itself for whoever asks. */
export const ago = (at) =>
  at ? h("time", { datetime: at, title: moment(at) }, age(at, Date.now()), " ago") : "";

/** What an object says of itself, as it is or as `told` makes it. */
export const message = (object, told = String) => {
  const { reason = "", message = "" } = readyOf(object);
  return [h("strong", {}, reason), reason && message ? ": " : "", told(message)];
};

/** A table whose rows become blocks with names where the screen is narrow. */
export const table = (caption, columns, rows) =>
  h("div.wide", {},
    // The roles stay where the style sheet makes blocks of the cells.
    h("table", { role: "table" },
      h("caption", {}, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((column) => h("th", { scope: "col", role: "columnheader" }, column)))),
      h("tbody", { role: "rowgroup" }, rows.map(({ key, cells }) =>
        h("tr", { key, role: "row" }, cells.map((cell, column) =>
          column === 0
            ? h("th", { scope: "row", role: "rowheader" }, cell)
            : h("td", { role: "cell", "data-column": columns[column] }, cell)))))));

/** A field that narrows down what is shown. */
export const search = (label, value, found) =>
  h("label.search", {}, h("span", {}, label), h("input", { type: "search", value, oninput: (event) => found(event.target.value) }));

export const tick = (label, value, changed) =>
  h("label.tick", {}, h("input", { type: "checkbox", checked: value, onchange: (event) => changed(event.target.checked) }), label);

/** Whether every word of what was searched for is in the text. */
export const matches = (text, searched) =>
  searched.toLowerCase().split(/\s+/).every((word) => text.toLowerCase().includes(word));

/** As many as are looked at; more of them only when asked for. */
export function some(items, limit, more, row) {
  const rest = items.length - limit;
  return [items.slice(0, limit).map(row), rest > 0 && h("p", { key: "more" }, h("button", { onclick: more }, `Show ${Math.min(rest, limit)} of ${rest} more`))];
}
