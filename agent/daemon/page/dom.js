/*
 * Making elements, and bringing those that are shown up to date in place: what
 * did not change stays, with its focus, its scroll and what was unfolded.
 * All text is set as text, never as HTML: specs and reasons are not ours.
 */
const SVG = new Set(["svg", "rect", "line"]);

export function make(tag, attributes = {}, ...children) {
  const node = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

function patchAttributes(node, wanted) {
  const unfolds = node.localName === "details"; // that is the reader's business
  for (const { name } of [...node.attributes])
    if (!wanted.hasAttribute(name) && !(unfolds && name === "open")) node.removeAttribute(name);
  for (const { name, value } of wanted.attributes)
    if (node.getAttribute(name) !== value && !(unfolds && name === "open")) node.setAttribute(name, value);
}

function patch(node, wanted) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  patchAttributes(node, wanted);
  patchChildren(node, [...wanted.childNodes]);
}

const keyOf = (node) => node.dataset?.key;

/*
 * Makes the children of `node` like `wanted`. Those with data-key are found again
 * wherever they were: whatever can have the focus needs one, or a place that never shifts.
 */
export function patchChildren(node, wanted) {
  const keyed = new Map(), keys = new Set(wanted.map(keyOf));
  for (const child of [...node.children]) {
    if (!keyOf(child)) continue;
    if (keys.has(keyOf(child))) keyed.set(keyOf(child), child); else child.remove();
  }
  let at = node.firstChild;
  for (const next of wanted) {
    const key = keyOf(next), candidate = key ? keyed.get(key) : at;
    const old = candidate && candidate.nodeName === next.nodeName && keyOf(candidate) === key ? candidate : null;
    if (old && old === at) at = at.nextSibling;
    else node.insertBefore(old || next, at);
    if (old) patch(old, next);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}
