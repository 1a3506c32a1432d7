// The page of the drawn digit: the pad, the slider, what the networks read, and the link that holds all this.

const NETS = GIVEN.nets.map(net => ({...net, layers: readNet(net.weights)}));
const DIGITS = Uint8Array.from(atob(GIVEN.digits), character => character.charCodeAt(0));
const FEW = 12;  // changed pixels are circled
const LEVELS = 15;  // a drawing has so few greys that a link holds it as it is
const BLANK = new Float64Array(PIXELS);
const element = id => document.getElementById(id);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const make = (tag, parent, properties = {}) =>
    parent.appendChild(Object.assign(document.createElement(tag), properties));

const state = {
    digit: 7,  // which of the ten; null for a drawing, then
    ink: new Uint8Array(PIXELS),  // its greys, and
    meant: null,  // its class; null for what the first network reads
    norm: "linf", share: 0, box: true, steps: 1,  // share: ε, as a part of the slider
};
const pen = {x: 14, y: 14, down: false, shown: false};
const epsilon = () => state.share * GIVEN.largest[state.norm];

// The state as text, and back. What is not understood is left out.

function written() {
    const {digit, ink, meant, norm, box, steps} = state;
    const parts = {norm, eps: +epsilon().toPrecision(6), box: +box, steps};
    if (digit !== null) return new URLSearchParams({digit, ...parts}).toString();
    const bytes = Array.from({length: PIXELS / 2}, (_, i) => ink[2 * i] << 4 | ink[2 * i + 1]);
    const base64 = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
    const drawing = {...(meant === null ? {} : {is: meant}), ink: base64.replaceAll("=", "")};
    return new URLSearchParams({...parts, ...drawing}).toString();
}

function read(text) {
    const parts = new URLSearchParams(text.slice(text.indexOf("#") + 1));
    const has = name => parts.get(name) ?? "";
    if (has("norm") in GIVEN.largest) state.norm = has("norm");
    if (parts.has("eps")) put(+has("eps"));
    if (has("box")) state.box = has("box") !== "0";
    if (has("steps")) state.steps = has("steps") === "10" ? 10 : 1;
    if (/^\d$/.test(has("digit"))) take(+has("digit"));
    if (/^[\w-]{523}$/.test(has("ink"))) {
        const bytes = atob(has("ink").replaceAll("-", "+").replaceAll("_", "/"));
        const level = (_, i) => bytes.charCodeAt(i >> 1) >> (i % 2 ? 0 : 4) & LEVELS;
        const ink = Uint8Array.from(state.ink, level);
        Object.assign(state, {digit: null, ink, meant: /^\d$/.test(has("is")) ? +has("is") : null});
    }
}

function put(value) {
    if (value >= 0) state.share = Math.min(value / GIVEN.largest[state.norm], 1);
}

// The image

function take(k) {
    Object.assign(state, {digit: k, ink: new Uint8Array(PIXELS), meant: null});
}

function wipe() {
    Object.assign(state, {digit: null, ink: new Uint8Array(PIXELS), meant: null});
}

// What is on the pad, pixels in [0, 1].
function drawn() {
    if (state.digit !== null) return shipped(state.digit);
    return Float64Array.from(state.ink, level => level / LEVELS);
}

function shipped(k) {
    return Float64Array.from(DIGITS.subarray(PIXELS * k, PIXELS * (k + 1)), byte => byte / 255);
}

// What the networks see: a drawing is moved by whole pixels, until its centre of mass is in the middle, as
// those of MNIST were. It is not made larger or smaller: that is what the frame on the pad is for.
function seen() {
    const x = drawn();
    const mass = x.reduce((total, value) => total + value, 0);
    if (state.digit !== null || mass === 0) return x;
    const places = [...x.keys()].filter(i => x[i] > 0);
    const move = of => {
        const centre = places.reduce((total, i) => total + of(i) * x[i], 0) / mass, all = places.map(of);
        return clamp(Math.round((SIDE - 1) / 2 - centre), -Math.min(...all), SIDE - 1 - Math.max(...all));
    };
    const by = SIDE * move(i => Math.floor(i / SIDE)) + move(i => i % SIDE), moved = new Float64Array(PIXELS);
    for (const i of places) moved[i + by] = x[i];
    return moved;
}

// A soft pen, about two pixels wide, from where it was.
function stroke(x, y) {
    if (state.digit !== null) wipe();
    const [a, b] = [x - pen.x, y - pen.y], length = a * a + b * b;
    for (let i = 0; i < PIXELS; i++) {
        const [u, v] = [i % SIDE + 0.5 - pen.x, Math.floor(i / SIDE) + 0.5 - pen.y];
        const t = length > 0 ? clamp((u * a + v * b) / length, 0, 1) : 0;
        const level = Math.round(LEVELS * clamp(1.5 - Math.hypot(u - t * a, v - t * b), 0, 1));
        state.ink[i] = Math.max(state.ink[i], level);
    }
    Object.assign(pen, {x, y});
}

// What the networks make of it

function answers() {
    const x = seen();
    if (x.every(value => value === 0)) return null;
    const y = GIVEN.labels[state.digit] ?? state.meant ?? argmax(logits(NETS[0].layers, x));
    const set = {norm: state.norm, radius: epsilon(), box: state.box};
    return NETS.map(({layers}) => {
        const d = set.radius > 0 ? attack(layers, x, y, set, state.steps) : BLANK, sees = sum(x, d);
        const shares = softmax(logits(layers, sees)), reads = argmax(shares);
        return {d, sees, shares, reads, y, wrong: reads !== y};
    });
}

function sentence(found) {
    if (!found) return "The pad is blank: draw a digit, or take one of the ten.";
    const eps = epsilon(), size = +eps.toPrecision(3), levels = Math.round(255 * eps);
    const change = {
        linf: `Each pixel may change by ${size} (${levels} of 255 grey levels)`,
        l2: `The change may have the length ${size}`,
        l1: `The changes of all pixels may add up to ${size}`,
    }[state.norm];
    const fault = wrong => wrong ? ", which is wrong" : "";
    const said = found.map(({reads, wrong}, k) => `${NETS[k].name} reads ${reads}${fault(wrong)}`);
    return `${eps > 0 ? change : "Nothing is changed"}: ${said.join("; ")}.`;
}

// Drawing it

const small = Object.assign(document.createElement("canvas"), {width: SIDE, height: SIDE});
const SKY = "#56B4E9";

// An image of 28 × 28 pixels on a canvas of any size; returns what draws on it, and the size of a pixel.
function paint(canvas, values, color) {
    const own = small.getContext("2d"), image = own.createImageData(SIDE, SIDE);
    values.forEach((value, i) => image.data.set([...color(value), 255], 4 * i));
    own.putImageData(image, 0, 0);
    const context = canvas.getContext("2d"), size = canvas.width / SIDE;
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    return {context, size};
}

function ring({context, size}, x, y, radius, filled = false) {
    context.beginPath();
    context.arc(x * size, y * size, radius * size, 0, 7);
    Object.assign(context, {lineWidth: 2, strokeStyle: SKY, fillStyle: SKY});
    if (filled) context.fill();
    context.stroke();
}

function tint(ground, amount, ends) {
    const end = ends[amount < 0 ? 0 : 1];
    return end.map(value => Math.round(ground + Math.min(Math.abs(amount), 1) * (value - ground)));
}

const grey = value => tint(255 * clamp(value, 0, 1), value - clamp(value, 0, 1), GIVEN.beyond);

function drawPad() {
    const painted = paint(element("pad"), drawn(), grey), {context, size} = painted;
    Object.assign(context, {lineWidth: 1, strokeStyle: "#777"});
    context.strokeRect(4 * size, 4 * size, 20 * size, 20 * size);
    if (pen.shown) ring(painted, pen.x, pen.y, 1.2, pen.down);
}

const cards = NETS.map(({name, color}) => {
    const section = make("section", element("nets"));
    section.style.setProperty("--color", color);
    make("h2", section, {textContent: name});
    const answer = make("p", section, {className: "answer"});
    const pictures = make("div", section, {className: "pictures"});
    const [change, sees] = ["change", "sees"].map(className => {
        const figure = make("figure", pictures);
        const canvas = make("canvas", figure, {width: 8 * SIDE, height: 8 * SIDE, className});
        canvas.setAttribute("role", "img");
        return {canvas, caption: make("figcaption", figure)};
    });
    sees.caption.textContent = "x + Δ";
    const body = make("tbody", make("table", section));
    body.parentElement.setAttribute("aria-label", `Probabilities, ${name}`);
    const rows = Array.from({length: 10}, (_, k) => {
        const row = make("tr", body);
        make("th", row, {textContent: k, scope: "row"});
        return {row, bar: make("div", make("td", row), {className: "bar"}), number: make("td", row)};
    });
    return {answer, change, sees, rows};
});

function drawCard({answer, change, sees, rows}, found) {
    const {d, sees: image, shares, reads, wrong, y} = found ?? {d: BLANK, sees: BLANK, shares: []};
    const most = Math.max(...d.map(Math.abs));
    const gain = most > 0 ? [200, 100, 50, 20, 10, 5, 2].find(times => times * most <= 1) ?? 1 : 1;
    const changed = [...d.keys()].filter(i => d[i] !== 0);
    const painted = [paint(change.canvas, d, value => tint(255, gain * value, GIVEN.ramp))];
    painted.push(paint(sees.canvas, image, grey));
    for (const i of changed.length <= FEW ? changed : []) {
        for (const each of painted) ring(each, i % SIDE + 0.5, Math.floor(i / SIDE) + 0.5, 1.5);
    }
    change.caption.textContent = `Δ${gain > 1 ? ` × ${gain}` : ""}`;
    change.canvas.setAttribute("aria-label", `The change of each pixel, at most ${+most.toPrecision(2)}`);
    sees.canvas.setAttribute("aria-label", found ? `The changed digit, read as ${reads}` : "Nothing");
    answer.textContent = !found ? "" : wrong ? `reads ${reads} ✗ not ${y}` : `reads ${reads} ✓`;
    answer.classList.toggle("wrong", Boolean(wrong));
    rows.forEach(({row, bar, number}, k) => {
        row.classList.toggle("top", k === reads);
        bar.style.width = `${100 * (shares[k] ?? 0)}%`;
        number.textContent = found ? `${(100 * shares[k]).toFixed(1)} %` : "–";
    });
}

function draw() {
    const found = answers(), largest = GIVEN.largest[state.norm], said = sentence(found);
    drawPad();
    cards.forEach((card, k) => drawCard(card, found?.[k]));
    for (const field of [element("epsilon"), element("number")]) {
        Object.assign(field, {max: largest, step: field.type === "range" ? largest / 200 : "any"});
        const typing = field === document.activeElement && field.type === "number";
        if (!typing) field.value = +epsilon().toPrecision(6);
    }
    element("sentence").textContent = said;
    for (const each of document.querySelectorAll("[type=radio]")) {
        each.checked = each.value === String(state[each.name]);
    }
    element("box").checked = state.box;
    element("meant").style.display = state.digit === null ? "" : "none";
    element("class").value = state.meant ?? "";
    for (const [k, each] of [...element("digits").children].entries()) {
        each.setAttribute("aria-pressed", k === state.digit);
    }
    later(said);
}

let waiting = false, resting;

function update() {  // at most once a frame, however fast the slider is dragged
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
}

function later(said) {  // what need not follow each frame: the reader's voice, and the link
    clearTimeout(resting);
    resting = setTimeout(() => {
        if (element("status").textContent !== said) element("status").textContent = said;
        const text = `#${written()}`;
        if (element("link") !== document.activeElement) element("link").value = ADDRESS + text;
        if (ADDRESS) history.replaceState(null, "", text);
        if (FRAME) FRAME.dataset.state = text;
    }, 300);
}

// The page around: a frame of our own kind, or none.

const FRAME = (() => {
    try { return window.frameElement; } catch { return null; }
})();
const ADDRESS = location.protocol === "about:" ? "" : location.href.split("#")[0];

function theme() {  // dark, if what is behind the frame is
    let dark = matchMedia("(prefers-color-scheme: dark)").matches;
    for (let each = FRAME?.parentElement; each; each = each.parentElement) {
        const color = getComputedStyle(each).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0, 0];
        const [r, g, b, a = 1] = color.map(Number);
        if (a > 0) {
            dark = r + g + b < 384;
            break;
        }
    }
    document.documentElement.dataset.theme = dark ? "dark" : "light";
}

function settle() {
    theme();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
    if (!FRAME) return;
    const around = FRAME.ownerDocument, changes = new MutationObserver(() => setTimeout(theme, 200));
    for (const each of [around.documentElement, around.body]) changes.observe(each, {attributes: true});
    const fit = () => { FRAME.style.height = `${document.body.offsetHeight}px`; };
    new ResizeObserver(fit).observe(document.body);
    const picture = FRAME.previousElementSibling;  // for those who see no frame
    if (FRAME.srcdoc && picture) picture.hidden = true;
}

// The controls

function listen() {
    const pad = element("pad");
    const on = (id, kind, act) => element(id).addEventListener(kind, event => {
        act(event);
        update();
    });
    const place = event => {
        const box = pad.getBoundingClientRect();
        return [SIDE * (event.clientX - box.left) / box.width, SIDE * (event.clientY - box.top) / box.height];
    };
    on("pad", "pointerdown", event => {
        pad.setPointerCapture(event.pointerId);
        [pen.x, pen.y] = place(event);
        Object.assign(pen, {down: true, shown: false});
        stroke(pen.x, pen.y);
    });
    on("pad", "pointermove", event => {
        if (!pen.down || !pad.hasPointerCapture(event.pointerId)) return;
        const events = event.getCoalescedEvents?.() ?? [];
        for (const each of events.length ? events : [event]) stroke(...place(each));
    });
    for (const kind of ["pointerup", "pointercancel"]) on("pad", kind, () => { pen.down = false; });
    on("pad", "blur", () => Object.assign(pen, {down: false, shown: false}));
    on("pad", "focus", () => { pen.shown = pad.matches(":focus-visible"); });
    const go = (x, y) => {
        const to = [clamp(pen.x + x, 1, SIDE - 1), clamp(pen.y + y, 1, SIDE - 1)];
        if (pen.down) stroke(...to);
        else [pen.x, pen.y] = to;
    };
    const turn = () => {
        pen.down = !pen.down;
        go(0, 0);
    };
    const keys = {
        ArrowLeft: () => go(-1, 0), ArrowRight: () => go(1, 0), ArrowUp: () => go(0, -1),
        ArrowDown: () => go(0, 1), " ": turn, Delete: wipe, Backspace: wipe,
    };
    on("pad", "keydown", event => {
        if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        pen.shown = true;
        keys[event.key]();
    });
    on("wipe", "click", wipe);
    on("class", "change", event => { state.meant = event.target.value === "" ? null : +event.target.value; });
    on("epsilon", "input", event => put(event.target.valueAsNumber));
    on("number", "input", event => put(event.target.valueAsNumber));
    on("number", "blur", () => {});  // what was typed is written as it was understood
    on("choices", "change", event => {
        if (event.target.name === "norm") state.norm = event.target.value;
        else if (event.target.name === "steps") state.steps = +event.target.value;
        else state.box = event.target.checked;
    });
    on("link", "change", event => read(event.target.value));
    element("copy").addEventListener("click", async () => {
        try { await navigator.clipboard.writeText(element("link").value); } catch {
            element("link").select();
            document.execCommand("copy");
        }
        element("status").textContent = "Copied.";
        element("copy").textContent = "Copied";
        setTimeout(() => { element("copy").textContent = "Copy"; }, 2000);
    });
    addEventListener("hashchange", () => { read(location.hash); update(); });
}

for (let k = 0; k < 10; k++) {
    make("option", element("class"), {value: k, textContent: k});
    const button = make("button", element("digits"), {type: "button"});
    button.setAttribute("aria-label", `The ${GIVEN.labels[k]} of the test set`);
    paint(make("canvas", button, {width: SIDE, height: SIDE}), shipped(k), grey);
    button.addEventListener("click", () => {
        take(k);
        update();
    });
}
element("linked").textContent = ADDRESS ? "Link" : "State, to send or to paste";
read(GIVEN.state);
read(FRAME?.dataset.state ?? location.hash);
settle();
listen();
draw();
