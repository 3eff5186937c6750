// What the agent knows, kept up to date: one request waits at the agent until something is new.

const KEPT_TOKEN = "windlass-token";

/** Requests that come back at once come back this often at most (milliseconds). */
const PACE = 120;
/** As many as the agent keeps, too. */
const EVENTS = 500;
/** How soon an agent that does not answer is asked again. */
const AGAIN = 2000;

export const idOf = (object) => [object.kind, object.metadata.namespace ?? "", object.metadata.name].join("/");

const eventIdOf = ({ involvedObject: of = {}, reason, message }) =>
  [of.kind, of.namespace, of.name, reason, message].join("\n");

/** What was heard so far. `problem` says why nothing new comes, or is null. */
export const state = {
  version: "",
  verdict: "",
  standing: null,
  objects: new Map(),
  events: new Map(),
  commits: [],
  problem: "waiting",
  deniedWith: 0,
};

/** Takes what the agent said. */
export function take(said) {
  if (said.whole) {
    state.objects = new Map();
    state.events = new Map();
  }
  for (const object of said.objects) state.objects.set(idOf(object), object);
  for (const event of said.events) {
    const id = eventIdOf(event);
    state.events.delete(id);
    state.events.set(id, event);
  }
  for (const id of [...state.events.keys()].slice(0, -EVENTS)) state.events.delete(id);
  if (said.commits) state.commits = said.commits;
  state.version = said.version;
  state.verdict = said.verdict;
  state.standing = said.standing;
}

/** Keeps a token for as long as the tab is open. */
export function useToken(token) {
  sessionStorage.setItem(KEPT_TOKEN, token);
  state.problem = "waiting";
  wake();
}

let wake = () => {};

const mark = () => [state.version, state.verdict, state.problem, JSON.stringify(state.standing)].join();

/** Asks for good, and tells `changed` whenever there is something to show. */
export async function follow(changed) {
  for (;;) {
    const began = Date.now();
    const before = mark();
    try {
      await ask();
    } catch {
      state.problem = "silent";
    }
    if (before !== mark()) changed();
    const rest = state.problem ? AGAIN : PACE - (Date.now() - began);
    await new Promise((go) => {
      wake = go;
      // Without the token there is nothing to ask again for.
      if (state.problem !== "denied") setTimeout(go, Math.max(rest, 0));
    });
  }
}

async function ask() {
  const token = sessionStorage.getItem(KEPT_TOKEN);
  const headers = { "windlass-after": state.version, "windlass-verdict": state.verdict };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch("state", { headers, cache: "no-store" });
  state.deniedWith = answer.status;
  if (answer.status === 401 || answer.status === 403) {
    state.problem = "denied";
  } else if (answer.ok) {
    take(await answer.json());
    state.problem = null;
  } else {
    state.problem = "silent";
  }
}
