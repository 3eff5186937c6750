// How everything stands, in one screen.

import { h } from "./dom.js";
import { APPLIERS, SOURCES, byStanding, inventoryOf, nodes, objectsOf, revisionOf, standingOf } from "./graph.js";
import { ago, message, nameOf, standing, table } from "./parts.js";
import { idOf, state } from "./state.js";
import { bytes, count, short } from "./words.js";

const OWN = "windlass.dev/";

export const title = "Overview";

export function view() {
  const objects = objectsOf([...SOURCES, ...APPLIERS]);
  const wrong = objects.filter((object) => ["failed", "waiting"].includes(standingOf(object))).sort(byStanding);
  return [
    h("h1", {}, headline(objects, wrong)),
    wrong.length > 0 && h("ul.cards", { "aria-label": "Not ready" }, wrong.map(card)),
    nodeTable(),
    sourceTable(),
    applierTable(),
  ];
}

function headline(objects, wrong) {
  if (!objects.length) return "Nothing is reconciled yet";
  if (!wrong.length) return `All of ${count(objects.length, "object")} are as they should be`;
  return `${wrong.length} of ${count(objects.length, "object")} ${wrong.length === 1 ? "is" : "are"} not ready`;
}

const card = (object) =>
  h(`li.card.${standingOf(object)}`, { key: idOf(object) },
    h("p", {}, standing(object), " ", object.kind, " ", nameOf(object)),
    h("p.message", {}, message(object)));

function nodeTable() {
  const row = ({ name, says }) => {
    const said = (what) => says[OWN + what];
    const trouble = said("refused") ?? said("manifests");
    const fetches = said("offline-since") ? ["offline, for ", ago(said("offline-since"))] : "fetches";
    return {
      key: name,
      cells: [name, said("role") ?? "unknown", short(said("revision") ?? "none"), trouble ? h("span.failed", {}, short(trouble)) : fetches,
        said("roots") ?? "unknown", said("free-disk") ? bytes(said("free-disk")) : "unknown", said("version") ?? "unknown"],
    };
  };
  return table("Nodes", ["Node", "Role", "Revision", "State", "Roots", "Free disk", "Version"], nodes().map(row));
}

function sourceTable() {
  const row = (object) => ({
    key: idOf(object),
    cells: [nameOf(object), object.kind, standing(object), short(revisionOf(object)), message(object, short), ago(object.status?.artifact?.lastUpdateTime)],
  });
  const sources = objectsOf(SOURCES).sort(byStanding);
  return table(`Sources (${sources.length})`, ["Source", "Kind", "Standing", "Revision", "Verdict", "Content since"], sources.map(row));
}

function applierTable() {
  const row = (object) => ({
    key: idOf(object),
    cells: [nameOf(object), object.kind, standing(object), short(revisionOf(object)), inventoryOf(object).length.toLocaleString(), short(object.status?.lastAttemptedRevision ?? "")],
  });
  const appliers = objectsOf(APPLIERS).sort(byStanding);
  return table(`Kustomizations and releases (${appliers.length})`, ["Name", "Kind", "Standing", "Applied", "Objects", "Tried last"], appliers.map(row));
}
