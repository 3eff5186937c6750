// What follows from the objects: how each stands, and which comes from which.

import { idOf, state } from "./state.js";

export const SOURCES = ["GitRepository", "OCIRepository", "HelmRepository", "HelmChart", "Bucket", "ExternalArtifact"];
export const APPLIERS = ["Kustomization", "HelmRelease"];

/** The condition `Ready`, or an empty one. */
export const readyOf = (object) =>
  object.status?.conditions?.find((condition) => condition.type === "Ready") ?? {};

/** `ready`, `failed`, `waiting` (not known yet), `suspended`, or `none` where nothing is reconciled. */
export function standingOf(object) {
  if (object.spec?.suspend) return "suspended";
  const { status } = readyOf(object);
  if (status === "True") return "ready";
  if (status === "False") return "failed";
  return status || object.status ? "waiting" : "none";
}

/** The revision that an object stands at. */
export const revisionOf = ({ status = {} }) =>
  status.lastAppliedRevision ?? status.artifact?.revision ?? status.history?.[0]?.chartVersion ?? "";

export const objectsOf = (kinds) => [...state.objects.values()].filter((object) => kinds.includes(object.kind));

/** What an object was applied for: its inventory, each as `{ id, kind, group, namespace, name }`. */
export const inventoryOf = (object) => (object.status?.inventory?.entries ?? []).map(entry);

/** Flux writes `namespace_name_group_kind`, with `__` for a colon in the name. */
function entry({ id }) {
  const parts = /^([^_]*)_(.*)_([^_]*)_([^_]*)$/.exec(id) ?? ["", "", id, "", ""];
  const [, namespace, name, group, kind] = parts;
  return { id, kind, group, namespace, name: name.replaceAll("__", ":") };
}

/** The id of what an object takes its content from; empty when it names nothing. */
export function sourceOf(object) {
  const { spec = {}, status = {}, metadata } = object;
  if (object.kind === "HelmRelease" && status.helmChart) return `HelmChart/${status.helmChart}`;
  const ref = spec.sourceRef ?? spec.chartRef ?? spec.chart?.spec?.sourceRef;
  if (!ref || ![...APPLIERS, "HelmChart"].includes(object.kind)) return "";
  return [ref.kind, ref.namespace ?? metadata.namespace, ref.name].join("/");
}

/** The roots of the graph, each `{ id, object, below }`; what names a source that is not there is a root of its own. */
export function graph() {
  const nodes = new Map();
  for (const object of objectsOf([...SOURCES, ...APPLIERS])) nodes.set(idOf(object), { id: idOf(object), object, below: [] });
  const roots = [];
  for (const node of nodes.values()) {
    const above = nodes.get(sourceOf(node.object));
    (above ? above.below : roots).push(node);
  }
  return roots;
}

const SEVERITY = ["failed", "waiting", "suspended", "none", "ready"];

/** The worst comes first, then by name. */
export const byStanding = (one, other) =>
  SEVERITY.indexOf(standingOf(one)) - SEVERITY.indexOf(standingOf(other)) || (idOf(one) < idOf(other) ? -1 : 1);

/** What each node says of itself in its Lease, this one first. */
export function nodes() {
  const own = state.standing?.node;
  const leases = objectsOf(["Lease"]).map(({ metadata }) => ({
    name: metadata.name.replace(/^windlass-witness-/, ""),
    says: metadata.annotations ?? {},
  }));
  // What it says now is newer than what it wrote.
  const others = leases.filter(({ name }) => name !== own).sort((one, other) => (one.name < other.name ? -1 : 1));
  return own ? [{ name: own, says: state.standing.says }, ...others] : others;
}
