// The page: which view is shown, and the sentence above it when something is out of order.

import { fill, h } from "./dom.js";
import { follow, state, useToken } from "./state.js";
import { age } from "./words.js";
import * as commits from "./commits.js";
import * as events from "./events.js";
import * as object from "./object.js";
import * as overview from "./overview.js";
import * as tree from "./tree.js";

const VIEWS = { "": overview, graph: tree, events, commits, object };
const IN_MENU = ["", "graph", "events", "commits"];

/** How often ages are brought up to date (milliseconds). */
const AGES = 10_000;

const at = (id) => document.getElementById(id);

function place() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  return { name: name in VIEWS ? name : "", rest: decodeURI(rest.join("/")) };
}

function show() {
  const { name, rest } = place();
  const view = VIEWS[name];
  document.title = `${view.title} · ${state.standing?.node ?? "windlass"}`;
  at("node").textContent = state.standing ? `on ${state.standing.node}` : "";
  fill(at("views"), IN_MENU.map((one) =>
    h("a", { key: one, href: `#/${one}`, "aria-current": one === name ? "page" : null }, VIEWS[one].title)));
  const sentence = trouble();
  at("banner").className = sentence ? "banner" : "";
  if (at("banner").textContent !== sentence) at("banner").textContent = sentence;
  if (state.problem === "denied") fill(at("content"), door());
  else if (state.standing) showContent(view.view(show, rest));
}

function showContent(content) {
  fill(at("content"), content);
  if (!performance.getEntriesByName("shown").length) performance.mark("shown");
}

/** What is out of order between here and the cluster. */
function trouble() {
  if (state.problem === "silent") return "The agent on this node does not answer. What is shown is what it said last.";
  if (!state.standing) return "";
  const { silentSince, says } = state.standing;
  if (silentSince) return `The API server has not answered for ${age(silentSince, Date.now())}. What is shown is how the cluster was seen last; nothing is lost.`;
  const role = says["windlass.dev/role"] ?? "";
  if (role.startsWith("paused")) return "Everything is paused: windlass resume --all goes on.";
  if (role.startsWith("UninstallDetected")) return `${role}: nothing is applied or deleted any more.`;
  return "";
}

function door() {
  if (state.deniedWith === 403) {
    return [h("h1", {}, "Not under this name"), h("p", {}, "Without a token the page is shown only to a browser on the node itself, as localhost.")];
  }
  const enter = (event) => {
    event.preventDefault();
    useToken(new FormData(event.target).get("token").trim());
  };
  return [
    h("h1", {}, "This page needs its token"),
    h("form", { onsubmit: enter },
      h("label.search", {}, h("span", {}, "Token (page.token_file in the node's config)"), h("input", { name: "token", type: "password", autocomplete: "current-password", required: true })),
      h("button", {}, "Show")),
  ];
}

/** A link may carry the token behind the #, which is never sent anywhere. */
function takeToken() {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (!token) return;
  history.replaceState(null, "", "#/");
  useToken(decodeURIComponent(token));
}

addEventListener("hashchange", () => {
  takeToken();
  show();
  at("content").focus({ preventScroll: true });
  scrollTo(0, 0);
});
setInterval(show, AGES);
takeToken();
follow(show);
