// Gives what is wrong with the page as it is, one sentence each.
const wrong = [];
const shown = (element) => element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden";
const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);
const nameOf = (element) =>
  (element.getAttribute("aria-label") ?? element.labels?.[0]?.innerText ?? element.innerText ?? element.alt ?? "").trim();

if (document.querySelectorAll("h1").length !== 1) wrong.push("there is not one h1");
if (document.querySelectorAll("main, header, nav").length !== 3) wrong.push("a landmark is missing");
if (!document.documentElement.lang) wrong.push("no language");
if (!document.title) wrong.push("no title");
for (const element of all("a, button, input, summary")) if (!nameOf(element)) wrong.push(`no name: ${element.outerHTML.slice(0, 200)}`);
for (const table of all("table")) if (!table.caption?.innerText) wrong.push("a table without a caption");
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
if (new Set(ids).size !== ids.length) wrong.push("an id is there twice");
if (document.documentElement.scrollWidth > innerWidth) wrong.push(`wider than the window: ${document.documentElement.scrollWidth} > ${innerWidth}`);
for (const element of all("a, button, summary, input")) {
  const { width, height } = element.getBoundingClientRect();
  // 24 pixels, but for links within a sentence (WCAG 2.2, 2.5.8).
  if (getComputedStyle(element).display !== "inline" && Math.min(width, height) < 19) wrong.push(`too small to hit: ${nameOf(element)} ${width}x${height}`);
}

const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
const light = (colour) => {
  const [r, g, b] = channels(colour).slice(0, 3).map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (channels(colour)[3] !== 0) return colour;
  }
  return "rgb(255, 255, 255)";
};
const pairs = new Map();
for (const element of all("body *")) {
  if ([...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())) {
    pairs.set(`${getComputedStyle(element).color} on ${behind(element)}`, element);
  }
}
for (const [pair, element] of pairs) {
  const [front, back] = pair.split(" on ").map(light);
  const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(2)}: ${pair}: ${element.outerHTML.slice(0, 120)}`);
}
return wrong;
