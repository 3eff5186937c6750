// One of Flux's objects: what it says, what it applied, what happened to it.

import { h } from "./dom.js";
import { graph, inventoryOf, readyOf, revisionOf, sourceOf } from "./graph.js";
import { ago, link, message, some, standing, table } from "./parts.js";
import { eventTable } from "./events.js";
import { idOf, state } from "./state.js";
import { count, short } from "./words.js";

export const title = "Object";

const SOME = 200;
let limit = SOME;

export function view(again, id) {
  const object = state.objects.get(id);
  if (!object) return [h("h1", {}, id), h("p", {}, "The agent knows of no such object (any more).")];
  const { kind, metadata } = object;
  const source = sourceOf(object);
  return [
    h("h1", {}, h("span.kind", {}, kind), " ", metadata.namespace, "/", metadata.name),
    h("p", {}, standing(object), " ", readyOf(object).lastTransitionTime && ["for ", ago(readyOf(object).lastTransitionTime)]),
    h("p.message", {}, message(object)),
    h("dl", {},
      pair("Revision", short(revisionOf(object))),
      pair("Comes from", source && (state.objects.has(source) ? link(source) : `${source}, which is not there`)),
      pair("Goes to", below(id))),
    conditions(object),
    inventory(object, again),
    eventTable(eventsOf(object), "What happened to it"),
    h("details", {}, h("summary", {}, "As JSON, without what may be secret"), h("pre", { tabindex: "0" }, JSON.stringify(object, null, 2))),
  ];
}

const pair = (name, value) => value && value.length !== 0 && h("div", {}, h("dt", {}, name), h("dd", {}, value));

function below(id) {
  const find = (nodes) => nodes.flatMap((node) => (node.id === id ? node.below : find(node.below)));
  return find(graph()).map((node) => [link(node.id), " "]);
}

function conditions({ status = {} }) {
  const all = status.conditions ?? [];
  const row = ({ type, status, reason, message, lastTransitionTime }) => ({ key: type, cells: [type, status, reason, message, ago(lastTransitionTime)] });
  return all.length > 0 && table("Conditions", ["Condition", "Status", "Reason", "Message", "Since"], all.map(row));
}

function inventory(object, again) {
  const entries = inventoryOf(object);
  const more = () => {
    limit *= 2;
    again();
  };
  return entries.length > 0 && [
    h("h2", {}, count(entries.length, "applied object")),
    h("ul.plain", {}, some(entries, limit, more, ({ id, kind, namespace, name }) =>
      h("li", { key: id }, h("span.kind", {}, kind), " ", namespace && `${namespace}/`, name))),
  ];
}

function eventsOf(object) {
  const id = idOf(object);
  const isOf = ({ involvedObject: { kind, namespace = "", name } = {} }) => [kind, namespace, name].join("/") === id;
  return [...state.events.values()].filter(isOf).reverse();
}
