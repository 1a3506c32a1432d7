// The slider of a figure that stands in a page without a kernel. Until it is moved, the page shows a picture;
// then plotly draws: the page's own, JupyterLab's, or one from the address given.
(async here => {
    const figure = here.closest("figure");
    const {page, alts, address} = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const {sliders: [{steps, active, currentvalue: {prefix}, pad}], ...layout} = page.layout;
    const picture = figure.querySelector("img"), plot = document.createElement("div");
    plot.setAttribute("role", "img");
    plot.hidden = true;
    picture.after(plot);
    layout.height -= layout.margin.b - pad.t - 10;
    layout.margin = {...layout.margin, b: pad.t + 10};
    layout.title.y = 1 - 14 / layout.height;

    const line = document.createElement("label"), range = document.createElement("input");
    const value = document.createElement("output");
    Object.assign(range, {type: "range", min: 0, max: steps.length - 1, step: 1, value: active});
    range.style.cssText = "width: min(420px, 60%); vertical-align: middle; margin: 0 0.6em";
    range.dataset.lmSuppressShortcuts = true;  // JupyterLab would take the arrow keys
    line.append(prefix.replace(/ = $/, ""), range, value);
    figure.querySelector("p").replaceWith(line);
    const plain = text => new DOMParser().parseFromString(text, "text/html").body.textContent;
    const say = () => {
        value.textContent = plain(steps[range.value].label);
        range.setAttribute("aria-valuetext", `${value.textContent}. ${alts[range.value]}`);
    };
    say();

    function script(source) {
        const {define} = globalThis, node = document.createElement("script");
        globalThis.define = undefined;  // where there is an AMD loader, plotly would go there
        return new Promise((done, failed) => {
            Object.assign(node, {src: source, onload: done, onerror: failed});
            document.head.append(node);
        }).finally(() => { globalThis.define = define; });
    }
    async function ofJupyterLab(extension) {  // its renderer loads plotly when it draws its first figure
        const mimeType = "application/vnd.plotly.v1+json";
        const {default: [{rendererFactory}]} = (await extension.get("./mimeExtension"))();
        const renderer = rendererFactory.createRenderer({mimeType});
        await renderer.renderModel({data: {[mimeType]: {data: [], layout: {}}}, setData() {}});
        return renderer.constructor.Plotly;
    }
    async function library() {
        if (globalThis.Plotly) return globalThis.Plotly;
        if (globalThis.rolabPlotly) return globalThis.rolabPlotly;
        const extension = globalThis._JUPYTERLAB?.["jupyterlab-plotly"];
        const found = extension && await ofJupyterLab(extension).catch(() => null);
        if (found) return found;
        await script(document.querySelector("meta[name=plotly]")?.content ?? address);
        return globalThis.Plotly;
    }
    let Plotly, busy = false, again = false;
    range.addEventListener("input", async () => {  // one after the other; what comes while one is drawn is next
        say();
        again = true;
        if (busy) return;
        busy = true;
        try {
            globalThis.rolabPlotly ??= library();
            if (!Plotly) {
                Plotly = await globalThis.rolabPlotly;
                await Plotly.newPlot(plot, page.data, layout, page.config);
                picture.hidden = !(plot.hidden = false);
            }
            while (again) {
                again = false;
                const {method, args} = steps[range.value];
                plot.setAttribute("aria-label", alts[range.value]);
                await Plotly[method](plot, ...structuredClone(args));
            }
        } catch (error) {
            globalThis.rolabPlotly = undefined;
            value.textContent += " (the figure stands still: plotly.js could not be loaded)";
            console.warn("rolab: a slider could not draw", error);
        }
        busy = false;
    });
})(document.currentScript);
