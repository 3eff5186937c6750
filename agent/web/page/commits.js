// What this node accepted and refused, and who signed it.

import { h } from "./dom.js";
import { ago, matches, search, table, tick } from "./parts.js";
import { state } from "./state.js";
import { count, short } from "./words.js";

export const title = "Commits";

let searched = "";
let onlyRefused = false;

export function view(again) {
  const isLookedFor = (commit) =>
    (!onlyRefused || !commit.accepted) && (!searched.trim() || matches(Object.values(commit).join(" "), searched));
  const found = state.commits.filter(isLookedFor);
  return [
    h("h1", {}, "What this node accepted and refused"),
    h("div.tools", {},
      search("Search for commits, signers, reasons", searched, (text) => { searched = text; again(); }),
      tick("Only what was refused", onlyRefused, (is) => { onlyRefused = is; again(); })),
    found.length > 0
      ? table("Verdicts on heads of sources, the newest first", ["When", "Verdict", "Source", "Head", "Signed by", "Why"], found.map(row))
      : h("p.quiet", { role: "status" }, "No verdict is like that."),
  ];
}

function row(commit) {
  const verdict = commit.accepted ? h("span.ready", {}, "✓ accepted") : h("span.failed", {}, "✗ refused");
  const why = commit.accepted ? [count(commit.commits, "new commit"), commit.from && `, after ${short(commit.from)}`] : commit.reason;
  return {
    key: [commit.at, commit.source, commit.to].join(" "),
    cells: [ago(commit.at), verdict, commit.source, h("code", { title: commit.to }, short(commit.to)), commit.signer || "nobody known", why],
  };
}
