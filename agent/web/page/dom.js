// Elements as values, and the smallest change that makes the document like them.

/** An element: its name with classes (`p.quiet.small`), what is set on it, what is in it. */
export function h(name, set, ...inside) {
  const [tag, ...classes] = name.split(".");
  const attributes = { ...set };
  if (classes.length) attributes.class = classes.join(" ");
  const { key, ...others } = attributes;
  return { tag, key, attributes: others, inside: flat(inside) };
}

const flat = (inside) =>
  inside.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false);

/** Makes what is in `parent` like `inside`; elements that stay keep focus, scroll and selection. */
export function fill(parent, inside) {
  const wanted = flat([inside]);
  const keyed = new Map();
  for (const node of parent.childNodes) if (node.madeOf?.key !== undefined) keyed.set(node.madeOf.key, node);
  let place = parent.firstChild;
  for (const one of wanted) {
    const known = one.key !== undefined ? keyed.get(one.key) : unkeyed(place);
    const node = known && isLike(known, one) ? known : make(one);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    update(node, one);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

const unkeyed = (node) => (node?.madeOf?.key === undefined ? node : null);

function isLike(node, one) {
  if (typeof one !== "object") return node.nodeType === Node.TEXT_NODE;
  return node.madeOf?.tag === one.tag && node.madeOf.key === one.key;
}

function make(one) {
  if (typeof one !== "object") return document.createTextNode("");
  const node = document.createElement(one.tag);
  node.madeOf = { ...one, attributes: {} };
  return node;
}

function update(node, one) {
  if (typeof one !== "object") {
    if (node.data !== String(one)) node.data = String(one);
    return;
  }
  const before = node.madeOf.attributes;
  for (const name of Object.keys(before)) if (!(name in one.attributes)) put(node, name, null);
  for (const [name, value] of Object.entries(one.attributes)) if (before[name] !== value) put(node, name, value);
  node.madeOf = one;
  fill(node, one.inside);
}

function put(node, name, value) {
  if (name.startsWith("on")) node[name] = value;
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}
