// The graph: from each source to what is built from it, and on to every object that is applied.

import { h } from "./dom.js";
import { byStanding, graph, inventoryOf, revisionOf, standingOf } from "./graph.js";
import { link, matches, nameOf, search, some, standing, tick } from "./parts.js";
import { state } from "./state.js";
import { count, short } from "./words.js";

export const title = "Graph";

/** Objects of one inventory that are shown before somebody asks for more. */
const SOME = 200;

const open = new Set();
const shown = new Map();
let searched = "";
let onlyWrong = false;

export function view(again) {
  const roots = graph().sort((one, other) => byStanding(one.object, other.object));
  const found = roots.map((root) => branch(root, again)).filter(Boolean);
  return [
    h("h1", {}, "From sources to objects"),
    h("div.tools", {},
      search("Search for kinds, names, namespaces", searched, (text) => { searched = text; again(); }),
      tick("Only what is not ready", onlyWrong, (is) => { onlyWrong = is; again(); })),
    h("p.quiet", { role: "status" }, found.length ? "" : "Nothing is like that."),
    h("ul.tree", {}, found),
  ];
}

/** One of Flux's objects with what is below it; null when neither it nor anything below is looked for. */
function branch(node, again) {
  const { id, object } = node;
  const looksFor = searched.trim() !== "";
  const below = node.below.sort((one, other) => byStanding(one.object, other.object)).map((one) => branch(one, again)).filter(Boolean);
  const entries = onlyWrong ? [] : inventoryOf(object).filter((entry) => !looksFor || matches(textOf(entry), searched));
  const isIt = (!looksFor || matches(id, searched)) && (!onlyWrong || ["failed", "waiting"].includes(standingOf(object)));
  if (!isIt && !below.length && !entries.length) return null;
  const isOpen = looksFor || onlyWrong || open.has(id) !== isShort(node);
  const toggle = (event) => {
    event.preventDefault();
    open.has(id) ? open.delete(id) : open.add(id);
    again();
  };
  const line = [standing(object), " ", h("span.kind", {}, object.kind), " ", nameOf(object), " ", h("span.quiet", {}, short(revisionOf(object)))];
  if (!below.length && !entries.length) return h("li", { key: id }, h("p.leaf", {}, line));
  const number = below.length + entries.length;
  return h("li", { key: id },
    h("details", { open: isOpen },
      h("summary", { onclick: toggle }, line.slice(0, 3), " ", object.metadata.namespace, "/", object.metadata.name, " ", h("span.quiet", {}, count(number, "object"))),
      isOpen && [
        h("p.leaf", {}, link(id, `Look at ${object.kind} ${object.metadata.name}`), " ", line.at(-1)),
        h("ul", {}, below, leaves(id, entries, again)),
      ]));
}

/** What is open before anybody touches it: a branch that is no list of objects. */
const isShort = ({ below }) => below.length > 0;

const textOf = ({ kind, namespace, name }) => `${kind} ${namespace}/${name}`;

function leaves(id, entries, again) {
  const limit = shown.get(id) ?? SOME;
  const more = () => {
    shown.set(id, limit * 2);
    again();
  };
  return some(entries, limit, more, leaf);
}

function leaf(entry) {
  const { kind, namespace, name } = entry;
  const label = namespace ? `${namespace}/${name}` : name;
  const id = [kind, namespace, name].join("/");
  return h("li", { key: entry.id }, h("p.leaf", {}, h("span.kind", {}, kind), " ", state.objects.has(id) ? link(id, label) : label));
}
