// Values as people read them.

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

/** How long ago a moment is, in its largest unit. */
export function age(moment, now) {
  const seconds = Math.max(0, (now - Date.parse(moment)) / 1000);
  if (!Number.isFinite(seconds)) return "";
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["s", 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

/** A moment in the reader's own time zone. */
export function moment(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? String(text) : at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** `main@sha1:0123456789abcdef...` with a digest that can be read. */
export const short = (text) => String(text ?? "").replace(/\b([0-9a-f]{10})[0-9a-f]{22,}\b/g, "$1");

/** Bytes as in `df -h`. */
export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [rest, unit] = [Number(number), 0];
  while (rest >= 1024 && unit < units.length - 1) [rest, unit] = [rest / 1024, unit + 1];
  return `${rest < 10 && unit ? rest.toFixed(1) : Math.round(rest)} ${units[unit]}`;
}

/** `1 source`, `3 sources`. */
export const count = (number, word) => `${number.toLocaleString()} ${word}${number === 1 ? "" : "s"}`;
