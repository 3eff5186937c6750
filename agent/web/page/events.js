// What the agents announced, the newest first.

import { h } from "./dom.js";
import { ago, link, matches, search, some, table, tick } from "./parts.js";
import { state } from "./state.js";

export const title = "Events";

const SOME = 100;
let limit = SOME;
let searched = "";
let onlyWarnings = false;

export function view(again) {
  const isLookedFor = (event) =>
    (!onlyWarnings || event.type === "Warning") && (!searched.trim() || matches(textOf(event), searched));
  const found = [...state.events.values()].reverse().filter(isLookedFor);
  const more = () => {
    limit *= 2;
    again();
  };
  return [
    h("h1", {}, "What happened"),
    h("div.tools", {},
      search("Search for objects, reasons, words", searched, (text) => { searched = text; again(); }),
      tick("Only warnings", onlyWarnings, (is) => { onlyWarnings = is; again(); })),
    eventTable(found.slice(0, limit), "Events that this node announced"),
    some(found, limit, more, () => false),
  ];
}

const textOf = ({ involvedObject: of = {}, reason, message }) => `${of.kind} ${of.namespace}/${of.name} ${reason} ${message}`;

export function eventTable(events, caption) {
  const row = (event) => {
    const of = event.involvedObject ?? {};
    const id = [of.kind, of.namespace ?? "", of.name].join("/");
    const isWarning = event.type === "Warning";
    return {
      key: [id, event.reason, event.message].join("\n"),
      cells: [ago(event.lastTimestamp), state.objects.has(id) ? link(id) : id,
        h(isWarning ? "span.failed" : "span", {}, isWarning && "Warning: ", event.reason), event.message, event.count > 1 ? `${event.count} times` : ""],
    };
  };
  if (!events.length) return h("p.quiet", {}, "No events are kept of it.");
  return table(caption, ["When", "Object", "Reason", "Message", "Repeated"], events.map(row));
}
