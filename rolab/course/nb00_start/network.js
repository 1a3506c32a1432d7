// The networks of MNIST, the gradient of their loss, and the worst perturbations: what rolab does with torch,
// in plain JavaScript. An image is a Float64Array of 784 pixels in [0, 1]. A test holds it to torch, to 1e-5.
"use strict";

const SIDE = 28, PIXELS = SIDE * SIDE, MEAN = 0.1307, STD = 0.3081, KERNEL = 5, TAPS = KERNEL * KERNEL;
const LAYERS = [[32, TAPS], [64, 32 * TAPS], [200, 256], [10, 200]];  // outputs and inputs of each

// The layers of a ConvNet from base64: a scale for each output, float32; then for each output its weights and
// its bias as whole numbers of 24 bits, in units of that scale.
function readNet(base64) {
    const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    let row = 0, at = 4 * LAYERS.reduce((sum, [outputs]) => sum + outputs, 0);
    return LAYERS.map(([outputs, inputs]) => {
        const weight = new Float64Array(outputs * inputs), bias = new Float64Array(outputs);
        for (let o = 0; o < outputs; o++, row += 4) {
            const scale = view.getFloat32(row, true);
            for (let i = 0; i <= inputs; i++, at += 3) {
                const value = scale * (bytes[at] | bytes[at + 1] << 8 | view.getInt8(at + 2) << 16);
                if (i < inputs) weight[o * inputs + i] = value;
                else bias[o] = value;
            }
        }
        return {outputs, inputs, weight, bias};
    });
}

// One place for what comes between the layers, the same for all networks: nothing has to be cleared away.
const BETWEEN = Object.fromEntries(Object.entries({
    image: PIXELS, columns1: 576 * TAPS, maps1: 32 * 576, pooled1: 32 * 64, columns2: 16 * 32 * TAPS,
    maps2: 64 * 16, pooled2: 256, hidden: 200,
    toHidden: 200, toPooled2: 256, toPooled1: 32 * 64, toImage: PIXELS,  // their gradients
}).map(([name, length]) => [name, new Float64Array(length)]));
const FROM1 = new Int32Array(32 * 64), FROM2 = new Int32Array(256);  // where each maximum stood

// All 5×5 patches of an image (channels, side, side), one after the other.
function patches(image, channels, side, columns) {
    const out = side - KERNEL + 1;
    let at = 0;
    for (let y = 0; y < out; y++) {
        for (let x = 0; x < out; x++) {
            for (let c = 0; c < channels; c++) {
                for (let i = 0; i < KERNEL; i++) {
                    const start = (c * side + y + i) * side + x;
                    for (let j = 0; j < KERNEL; j++) columns[at++] = image[start + j];
                }
            }
        }
    }
}

// out[o, p] = bias[o] + Σ_k weight[o, k] columns[p, k]; four o and two p at a time: less is read twice.
function product({weight, bias, outputs, inputs}, columns, count, out) {
    for (let o = 0; o < outputs; o += 4) {
        const last = outputs - 1;  // plain numbers: taken from an array, they make the loop a fifth slower
        const o1 = Math.min(o + 1, last), o2 = Math.min(o + 2, last), o3 = Math.min(o + 3, last);
        const w0 = o * inputs, w1 = o1 * inputs, w2 = o2 * inputs, w3 = o3 * inputs;
        for (let p = 0; p < count; p += 2) {
            const q = Math.min(p + 1, count - 1), c0 = p * inputs, c1 = q * inputs;
            let a0 = bias[o], a1 = bias[o1], a2 = bias[o2], a3 = bias[o3], b0 = a0, b1 = a1, b2 = a2, b3 = a3;
            for (let k = 0; k < inputs; k++) {
                const u = columns[c0 + k], v = columns[c1 + k];
                const f0 = weight[w0 + k], f1 = weight[w1 + k], f2 = weight[w2 + k], f3 = weight[w3 + k];
                a0 += f0 * u; a1 += f1 * u; a2 += f2 * u; a3 += f3 * u;
                b0 += f0 * v; b1 += f1 * v; b2 += f2 * v; b3 += f3 * v;
            }
            out[o * count + p] = a0; out[o * count + q] = b0;
            out[o1 * count + p] = a1; out[o1 * count + q] = b1;
            out[o2 * count + p] = a2; out[o2 * count + q] = b2;
            out[o3 * count + p] = a3; out[o3 * count + q] = b3;
        }
    }
}

// The largest of each k×k window of maps (channels, side, side), the first of a tie; 0 if it is negative.
function pool(maps, channels, side, k, pooled, from) {
    let at = 0;
    for (let c = 0; c < channels; c++) {
        for (let y = 0; y < side; y += k) {
            for (let x = 0; x < side; x += k) {
                let best = -Infinity, place = 0;
                for (let i = y; i < y + k; i++) {
                    for (let j = x; j < x + k; j++) {
                        const value = maps[(c * side + i) * side + j];
                        if (value > best) { best = value; place = i * side + j; }
                    }
                }
                pooled[at] = Math.max(best, 0);
                from[at++] = place;
            }
        }
    }
}

// The gradient by an image (channels, side, side) from that by the maxima: each goes back through its filter.
function spread(gradient, values, from, windows, {weight, inputs}, channels, side, image) {
    const out = side - KERNEL + 1;
    image.fill(0);
    for (let m = 0; m < gradient.length; m++) {
        const g = values[m] > 0 ? gradient[m] : 0;
        if (g === 0) continue;
        const y = Math.floor(from[m] / out), x = from[m] % out;
        let w = Math.floor(m / windows) * inputs;
        for (let c = 0; c < channels; c++) {
            for (let i = 0; i < KERNEL; i++) {
                const start = (c * side + y + i) * side + x;
                for (let j = 0; j < KERNEL; j++) image[start + j] += g * weight[w++];
            }
        }
    }
}

function transposed({weight, inputs}, values, out) {  // out = weightᵀ values
    out.fill(0);
    for (let o = 0; o < values.length; o++) {
        const value = values[o];
        if (value !== 0) for (let i = 0; i < inputs; i++) out[i] += value * weight[o * inputs + i];
    }
}

function logits([conv1, conv2, linear1, linear2], x) {
    const between = BETWEEN, z = new Float64Array(10);
    for (let r = 0; r < SIDE; r++) {  // a frame of two on the left and top, two off on the right and bottom
        for (let c = 0; c < SIDE; c++) {
            const pixel = r < 2 || c < 2 ? 0 : x[(r - 2) * SIDE + c - 2];
            between.image[r * SIDE + c] = (pixel - MEAN) / STD;
        }
    }
    patches(between.image, 1, SIDE, between.columns1);
    product(conv1, between.columns1, 576, between.maps1);
    pool(between.maps1, 32, 24, 3, between.pooled1, FROM1);
    patches(between.pooled1, 32, 8, between.columns2);
    product(conv2, between.columns2, 16, between.maps2);
    pool(between.maps2, 64, 4, 2, between.pooled2, FROM2);
    product(linear1, between.pooled2, 1, between.hidden);
    for (let j = 0; j < 200; j++) between.hidden[j] = Math.max(between.hidden[j], 0);
    product(linear2, between.hidden, 1, z);
    return z;
}

// The log-odds o = z_y − log Σ_{k≠y} exp z_k, where the loss is log(1 + exp(−o)); and c, the gradient of −o.
function logOdds(z, y) {
    let top = -Infinity, total = 0;
    z.forEach((value, k) => { if (k !== y) top = Math.max(top, value); });
    const c = z.map((value, k) => k === y ? 0 : Math.exp(value - top));
    for (const value of c) total += value;
    const odds = z[y] - top - Math.log(total);
    return {odds, c: c.map((value, k) => k === y ? -1 : value / total)};
}

// Of an image x of class y: the logits, the log-odds, and g, the gradient of −odds by the pixels. It is a
// multiple of ∇ₓJ, J the cross-entropy, that does not fade: ∇ₓJ = (1 − p_y) g, 1 − p_y = 1/(1 + exp(odds)).
function look(net, x, y, gradient = true) {
    const [conv1, conv2, linear1, linear2] = net, between = BETWEEN;
    const z = logits(net, x), {odds, c} = logOdds(z, y), g = new Float64Array(PIXELS);
    if (!gradient) return {z, odds};
    transposed(linear2, c, between.toHidden);
    for (let j = 0; j < 200; j++) if (between.hidden[j] <= 0) between.toHidden[j] = 0;
    transposed(linear1, between.toHidden, between.toPooled2);
    spread(between.toPooled2, between.pooled2, FROM2, 4, conv2, 32, 8, between.toPooled1);
    spread(between.toPooled1, between.pooled1, FROM1, 64, conv1, 1, SIDE, between.toImage);
    for (let r = 0; r < SIDE - 2; r++) {
        for (let c = 0; c < SIDE - 2; c++) {
            g[r * SIDE + c] = between.toImage[(r + 2) * SIDE + c + 2] / STD;
        }
    }
    return {z, odds, g};
}

const inputGradient = (net, x, y) => {
    const {odds, g} = look(net, x, y);
    return g.map(value => value / (1 + Math.exp(odds)));
};

function argmax(values) {
    let best = 0;
    for (let k = 1; k < values.length; k++) if (values[k] > values[best]) best = k;
    return best;
}

// The Δ of a set {norm, radius, box} with the largest ⟨g, Δ⟩, eq. (11). In the box, x + Δ is in [0, 1].
function maximizer({norm, radius, box}, g, x) {
    const room = (value, i) => value > 0 ? 1 - x[i] : value < 0 ? x[i] : 0;
    const caps = g.map((value, i) => value === 0 ? 0 : box ? Math.min(room(value, i), radius) : radius);
    const reach = REACH[norm](g.map(Math.abs), radius, caps);
    return reach.map((length, i) => Math.sign(g[i]) * length);
}

const REACH = {  // how far each pixel goes, for a = |g| and the room that ball and box leave it
    linf: (a, radius, caps) => caps,
    l1: (a, radius, caps) => {  // filled by descending a until the radius is spent: the fractional knapsack
        const reach = new Float64Array(PIXELS);
        let left = radius;
        while (left > 0) {
            let best = -1;
            for (let i = 0; i < PIXELS; i++) {
                if (reach[i] === 0 && caps[i] > 0 && (best < 0 || a[i] > a[best])) best = i;
            }
            if (best < 0) break;
            reach[best] = Math.min(caps[best], left);
            left -= reach[best];
        }
        return reach;
    },
    l2: (a, radius, caps) => {  // radius·min(κu, c) with the κ that spends the radius, by Newton's method
        if (radius === 0) return new Float64Array(PIXELS);
        const free = a.map((value, i) => caps[i] > 0 ? value : 0), largest = Math.max(...free) || 1;
        const u = free.map(value => value / largest), c = caps.map(cap => cap / radius);
        let kappa = 1 / Math.sqrt(Math.max(1, u.reduce((sum, value) => sum + value * value, 0)));
        for (let turn = 0; turn < 200; turn++) {
            let spent = 0, below = Number.MIN_VALUE;
            for (let i = 0; i < PIXELS; i++) {
                const y = kappa * u[i], square = Math.min(y, c[i]) ** 2;
                spent += square;
                if (y < c[i]) below += square;
            }
            const next = Math.min(kappa * Math.sqrt(1 + Math.max(0, 1 - spent) / below), 1e150);
            if (next === kappa) break;
            kappa = next;
        }
        return u.map((value, i) => Math.min(radius * kappa * value, caps[i]));
    },
};

const sum = (x, d) => x.map((value, i) => value + d[i]);
const firstOrder = (net, x, y, set) => maximizer(set, look(net, x, y).g, x);

// Frank and Wolfe's ascent, as rolab.attacks.pgd has it: Δ ← Δ + (1 − t)(Δ*(m) − Δ) with m ← t m + g/max|g|
// and t = i/steps. It keeps what misleads the network, and stops there; else what has the largest loss.
function pgd(net, x, y, set, steps) {
    let d = new Float64Array(PIXELS), mean = new Float64Array(PIXELS), best = d, least = Infinity;
    for (let i = 0; i <= steps; i++) {
        const {z, odds, g} = look(net, sum(x, d), y, i < steps), lost = argmax(z) !== y;
        if (lost || odds < least) { best = d; least = odds; }
        if (lost || i === steps) break;
        const t = i / steps, largest = Math.max(...g.map(Math.abs)) || 1;
        mean = mean.map((value, k) => t * value + g[k] / largest);
        const furthest = maximizer(set, mean, x);
        d = d.map((value, k) => value + (1 - t) * (furthest[k] - value));
    }
    return best;
}

const attack = (net, x, y, set, steps) => (steps === 1 ? firstOrder : pgd)(net, x, y, set, steps);

function softmax(z) {
    const top = Math.max(...z), powers = z.map(value => Math.exp(value - top));
    const total = powers.reduce((all, value) => all + value, 0);
    return powers.map(value => value / total);
}
