// A chart in the browser: draws a base figure, and what has changed in it since, in order and at once.

function library(model) {
    const id = model.get("plotly").slice("IPY_MODEL_".length);
    return globalThis.rolabPlotly ??= (async () => {
        const asset = await model.widget_manager.get_model(id);
        const module = {exports: {}};
        new Function("module", "exports", asset.get("value"))(module, module.exports);
        return module.exports;
    })();
}

function put(object, path, value) {  // such as "images[1].source"
    const keys = path.match(/[^.[\]]+/g);
    const last = keys.pop();
    for (const key of keys) object = object[key] ??= {};
    if (value === null) delete object[last];
    else object[last] = value;
}

const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

function render({model, el}) {
    const plot = document.createElement("div");
    plot.setAttribute("role", "img");
    plot.style.minHeight = `${model.get("figure").layout.height}px`;
    el.append(plot);
    let Plotly, alive = true, base = null, patch = {}, data = [], layout = {}, busy = true, again = false;

    const own = value => Array.isArray(value) ? value : structuredClone(value);
    const all = () => {  // arrays that have not changed stay the same objects: plotly leaves them alone
        const traces = data.map(trace => Object.fromEntries(Object.entries(trace).map(([k, v]) => [k, own(v)])));
        return Plotly.react(plot, traces, structuredClone(layout), model.get("config"));
    };
    const step = async () => {
        const figure = model.get("figure"), wanted = model.get("patch");
        plot.setAttribute("aria-label", model.get("alt"));
        const fresh = figure !== base;
        if (fresh) {
            base = figure;
            patch = {};
            ({data, layout} = structuredClone({data: figure.data, layout: figure.layout}));
            layout.uirevision = "kept";
        }
        const moved = {};
        let traces = false;
        for (const [path, value] of Object.entries(wanted)) {
            if (path in patch && same(patch[path], value)) continue;
            const [, number, rest] = path.match(/^data\[(\d+)\]\.(.*)$/) ?? [];
            if (number !== undefined) {
                put(data[number], rest, value);
                traces = true;
            } else {
                const place = path.slice("layout.".length);
                put(layout, place, structuredClone(value));
                moved[place] = value;
            }
        }
        patch = wanted;
        if (fresh || traces) await all();
        else if (Object.keys(moved).length) await Plotly.relayout(plot, structuredClone(moved));
    };
    const sync = async () => {  // one after the other; what comes while one is drawn is drawn next
        again = true;
        if (busy) return;
        busy = true;
        while (again && alive) {
            again = false;
            try {
                await step();
            } catch (error) {
                base = null;  // the next is drawn whole
                console.error("rolab: a chart could not be drawn", error);
            }
        }
        busy = false;
    };
    const watched = ["change:figure", "change:patch", "change:alt"];
    for (const change of watched) model.on(change, sync);
    // Drawn when it comes near the screen: what is not on the page has no size, and plotly computes NaN from it.
    const near = new IntersectionObserver(async seen => {
        if (!seen.some(each => each.isIntersecting)) return;
        near.disconnect();
        try {
            Plotly = await library(model);
            busy = false;
            await sync();
            plot.on("plotly_click", ({points}) => model.send({x: points[0].x, y: points[0].y}));
        } catch (error) {
            globalThis.rolabPlotly = undefined;  // another chart may have more luck
            console.error("rolab: plotly.js could not be read", error);
        }
    }, {rootMargin: "1000px"});
    near.observe(plot);
    return () => {
        alive = false;
        near.disconnect();
        for (const change of watched) model.off(change, sync);
        Plotly?.purge(plot);
    };
}
export default {render};
