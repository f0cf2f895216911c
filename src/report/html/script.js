// Makes the page better where scripts run: tooltips at once, tables that sort, zoomable courses and distributions,
// and the details of a heat map's cell. Everything that it adds is also there, less conveniently, without it.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const told = document.documentElement.dataset.scheme;
  const ink = pair => pair[(told ? told === "dark" : scheme.matches) ? 1 : 0];
  const element = (name, parent, text) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };

  // Numbers as the rest of the page writes them: three digits and a unit.
  const STEPS = {
    seconds: [[172800, 86400, " d"], [7200, 3600, " h"], [120, 60, " min"], [1, 1, " s"], [1e-3, 1e-3, " ms"], [1e-6, 1e-6, " µs"], [0, 1e-9, " ns"]],
    per_second: [[1e6, 1e6, " M/s"], [1e4, 1e3, " k/s"], [0.05, 1, "/s"], [1e-3, 1 / 60, "/min"], [0, 1 / 3600, "/h"]],
    ratio: [[0, 0.01, " %"]],
    count: [[1e7, 1e6, " M"], [1e5, 1e3, " k"], [0, 1, ""]],
  };
  const show = (unit, value, like) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    const steps = STEPS[unit] || STEPS.count;
    const size = Math.abs(like === undefined ? value : like);
    if (value === 0 && like === undefined) return unit === "seconds" ? "0 s" : "0" + steps[steps.length - 1][2];
    const [, by, word] = steps.find(step => size * 1.0005 >= step[0]) || steps[steps.length - 1];
    return String(Number((value / by).toPrecision(3))) + word;
  };

  // Tooltips.
  const tip = element("div", document.body);
  tip.id = "tip";
  tip.hidden = true;
  const place = (x, y) => {
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 4)) + "px";
    tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18) + "px";
  };
  const say = (rect, x, y) => {
    tip.textContent = rect.dataset.say;
    tip.hidden = false;
    place(x, y);
  };
  for (const rect of document.querySelectorAll(".hits rect")) {
    const title = rect.querySelector("title");
    if (!title) continue;
    rect.dataset.say = title.textContent;
    title.remove();
    rect.addEventListener("pointermove", event => say(rect, event.clientX, event.clientY));
    rect.addEventListener("pointerleave", () => { tip.hidden = true; });
  }
  addEventListener("keydown", event => { if (event.key === "Escape") tip.hidden = true; });

  // Tables.
  for (const table of document.querySelectorAll("table.sorts")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = element("button", null, head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(other => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = row => row.cells[column].dataset.sort;
        const compare = (a, b) => {
          const [x, y] = [key(a), key(b)];
          if (x === undefined || y === undefined) {
            if (x !== y) return x === undefined ? 1 : -1;
            return a.cells[column].textContent.localeCompare(b.cells[column].textContent) * (down ? -1 : 1);
          }
          return (x - y) * (down ? -1 : 1);
        };
        body.append(...[...body.rows].sort(compare));
      });
    });
  }

  // Interactive charts.
  const plots = [];
  const rule = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const alpha = (hex, share) => hex + Math.round(share * 255).toString(16).padStart(2, "0");
  // Steps of time that people count in; decades of a logarithmic axis, with 2 and 5 where there are few.
  const TIMES = [...[-6, -5, -4, -3, -2, -1].flatMap(e => [1, 2, 5].map(m => Number(m + "e" + e))),
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000];
  const decades = (u, index, min, max) => {
    const few = Math.log10(max / min) < 2.5;
    const all = [];
    for (let e = -12; e <= 12; e++) for (const m of few ? [1, 2, 5] : [1]) all.push(Number(m + "e" + e));
    return all.filter(value => value >= min && value <= max);
  };
  const axis = (unit, extra) => ({
    stroke: rule("--muted"), grid: { stroke: rule("--grid"), width: 1 }, ticks: { stroke: rule("--axis"), width: 1 },
    font: "12px \"poolsim sans\", sans-serif", ...extra,
    // Marks share the unit of the largest, but on a logarithmic axis each has its own.
    values: (u, values) => {
      const most = Math.max(...values.map(value => Math.abs(value || 0)));
      const like = value => extra.log ? Math.abs(value) || 1 : crooked(unit, values, most) ? 60 : most || 1;
      return values.map(value => value === null ? "" : show(unit, value, like(value)));
    },
  });
  // Minutes are no unit for marks that are not whole or half ones.
  const crooked = (unit, values, most) =>
    unit === "seconds" && most >= 120 && most < 3600 && values.some(value => value !== null && Math.abs(value / 30 - Math.round(value / 30)) > 1e-6);
  const shade = phases => u => {
    const context = u.ctx;
    context.save();
    context.beginPath();
    context.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    context.clip();
    [context.textAlign, context.textBaseline] = ["left", "alphabetic"];
    context.font = "bold " + 12 * devicePixelRatio + "px \"poolsim sans\", sans-serif";
    phases.forEach(([name, start, end, kind], index) => {
      const [left, right] = [u.valToPos(start, "x", true), u.valToPos(end, "x", true)];
      if (kind || index % 2 === 0) {
        context.fillStyle = rule(kind ? "--void" : "--shade");
        context.fillRect(left, u.bbox.top, right - left, u.bbox.height);
      }
      context.fillStyle = rule("--muted");
      context.fillText(name, left + 5 * devicePixelRatio, u.bbox.top + 14 * devicePixelRatio, Math.max(0, right - left - 8 * devicePixelRatio));
    });
    context.restore();
  };
  // Arrow keys move the cursor, plus and minus zoom, 0 shows everything; courses on one time axis zoom together.
  const keys = (plot, group) => {
    const { holder } = plot;
    const zoom = range => plots.filter(other => other === plot || (group && other.group === group)).forEach(other => other.u.setScale("x", range));
    holder.tabIndex = 0;
    holder.className = "plot";
    holder.setAttribute("role", "application");
    holder.addEventListener("keydown", event => {
      const { u, whole } = plot;
      const { min, max } = u.scales.x;
      const width = u.over.clientWidth;
      const at = u.cursor.left >= 0 ? u.cursor.left : width / 2;
      const move = { ArrowLeft: -8, ArrowRight: 8 }[event.key];
      if (move) u.setCursor({ left: Math.max(0, Math.min(width, at + move)), top: 10 });
      else if (event.key === "+" || event.key === "-") {
        const middle = u.posToVal(at, "x");
        const by = event.key === "+" ? 0.6 : 1 / 0.6;
        const log = u.scales.x.distr === 3;
        const near = (end) => log ? middle * Math.pow(end / middle, by) : middle + (end - middle) * by;
        zoom({ min: Math.max(whole[0], near(min)), max: Math.min(whole[1], near(max)) });
      } else if (event.key === "0") zoom({ min: whole[0], max: whole[1] });
      else return;
      event.preventDefault();
    });
  };
  // The swatch of a line is drawn as the line is: several lines of a chart may share a colour.
  const legend = { markers: { dash: (u, series) => u.series[series].dash ? "dashed" : "solid" } };
  const draw = (host, label, make, group) => {
    const holder = element("div", host);
    holder.setAttribute("aria-label", label + ". Arrow keys move the cursor, plus and minus zoom, 0 shows everything.");
    const plot = { holder, group, u: null, whole: null };
    plot.redraw = () => {
      if (plot.u) plot.u.destroy();
      const { options, values, whole } = make(Math.max(240, holder.clientWidth));
      plot.whole = whole;
      plot.u = new uPlot({ legend, ...options }, values, holder);
    };
    plot.redraw();
    keys(plot, group);
    plots.push(plot);
    return plot;
  };

  const courses = (host, point, group) => point.panels.map(panel => draw(host, panel.title, width => {
    const first = panel.series[0];
    const xs = first.median.map((_, bin) => first.start + (bin + 0.5) * first.width);
    const series = [{ label: "time", value: (u, v) => show("seconds", v) }];
    const values = [xs];
    const bands = [];
    for (const one of panel.series) {
      const color = ink(one.ink);
      const at = series.length;
      const value = (u, v, s, bin) => bin === null || v === null || v === undefined ? "–" : show(panel.unit, v) + " [" + show(panel.unit, one.low[bin]) + ", " + show(panel.unit, one.high[bin]) + "]";
      series.push({ label: one.name, stroke: color, width: 2, value, points: { show: one.median.length < 2 } });
      for (const end of [one.high, one.low]) {
        series.push({ class: "ghost", stroke: "transparent", width: 0, points: { show: false } });
        if (end === one.low) bands.push({ series: [at + 1, at + 2], fill: alpha(color, 0.18) });
      }
      values.push(one.median, one.high, one.low);
    }
    const whole = [0, point.end];
    // Latencies that span decades are read on a logarithmic axis; names of phases stand above the courses.
    const found = values.slice(1).flat().filter(value => value > 0);
    const [least, most] = found.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, 0]);
    const log = panel.unit === "seconds" && most / least > 50;
    const head = point.phases.some(phase => phase[0]) ? 0.2 : 0.08;
    const y = log
      ? { distr: 3, range: [least, most * Math.pow(most / least, head)] }
      : { range: (u, min, max) => [Math.min(0, min || 0), max > 0 ? max * (1 + head) : 1] };
    return {
      whole, values,
      options: {
        width, height: 190, title: panel.title + (log ? " (log)" : ""), series, bands,
        cursor: { sync: { key: group }, drag: { x: true, y: false } },
        scales: { x: { time: false, range: (u, min, max) => min === null || max <= min ? whole : [min, max] }, y },
        axes: [axis("seconds", { incrs: TIMES }), axis(panel.unit, { size: 70, log, ...(log ? { splits: decades } : panel.unit === "seconds" ? { incrs: TIMES } : {}) })],
        hooks: { drawClear: [shade(point.phases)] },
      },
    };
  }, group));

  const distribution = (host, point, tail) => {
    const title = tail ? "share of requests beyond a time" : "share of requests within a time";
    draw(host, title, width => {
      const tables = point.curves.map(curve => {
        const xs = [], ys = [];
        curve.value.forEach((value, n) => {
          // One share per time: the largest, and none that a logarithm cannot show.
          const share = tail ? 1 - curve.p[n] : curve.p[n];
          if (value > 0 && (!tail || share > 0)) {
            if (xs.length && xs[xs.length - 1] >= value) ys[ys.length - 1] = share;
            else { xs.push(value); ys.push(share); }
          }
        });
        return [xs, ys];
      }).map(table => table[0].length ? table : [[1], [null]]);
      const values = uPlot.join(tables);
      const whole = [values[0][0], values[0][values[0].length - 1]];
      const percent = v => v === null || v === undefined ? "–" : String(Number((v * 100).toPrecision(4))) + " %";
      const series = point.curves.map(curve => ({
        label: curve.name, stroke: ink(curve.ink), width: 2, dash: curve.dashed ? [7, 4] : undefined, spanGaps: true,
        value: (u, v) => percent(v), points: { show: false },
      }));
      const y = tail
        ? { axis: { size: 70, splits: decades, values: (u, values) => values.map(v => v === null ? "" : percent(v)) }, scale: { distr: 3 } }
        : { axis: { size: 70 }, scale: { range: [0, 1] } };
      return {
        whole, values,
        options: {
          width, height: 300, title, series: [{ label: "time", value: (u, v) => show("seconds", v) }, ...series],
          scales: { x: { time: false, distr: 3 }, y: y.scale },
          axes: [axis("seconds", { splits: decades, log: true }), axis("ratio", y.axis)],
        },
      };
    });
  };

  const replace = (figure, fill) => {
    if (!figure || typeof uPlot === "undefined") return;
    const host = document.createElement("div");
    host.className = "plots";
    element("h3", host, figure.querySelector("svg title").textContent);
    const tools = element("div", null);
    tools.className = "tools";
    const swap = element("button", tools, "Show the still picture");
    swap.type = "button";
    element("span", tools, "Drag to zoom, double click to see everything.");
    swap.addEventListener("click", () => {
      const live = figure.classList.toggle("live");
      host.hidden = !live;
      swap.textContent = live ? "Show the still picture" : "Show the interactive one";
    });
    figure.prepend(tools, host);
    figure.classList.add("live");
    fill(host);
  };
  const main = data.points.find(point => point.index === data.shown);
  if (main && main.panels.length) replace(document.getElementById("chart-timeline"), host => courses(host, main, "main"));
  if (main && main.curves.length) replace(document.getElementById("chart-distribution"), host => {
    const pair = element("div", host);
    pair.className = "pair";
    distribution(element("div", pair), main, false);
    distribution(element("div", pair), main, true);
  });

  // A cell of a heat map, or any mark that stands for a point of a sweep.
  const cell = element("section", null);
  cell.id = "cell";
  cell.setAttribute("aria-live", "polite");
  let kept = 0;
  const open = (rect) => {
    const point = data.points.find(point => String(point.index) === rect.dataset.point);
    const figure = rect.closest("figure");
    if (!point || !figure) return;
    if (kept) plots.length = kept;
    kept = plots.length;
    cell.replaceChildren();
    figure.after(cell);
    element("h3", cell, point.label);
    element("p", cell, point.summary);
    const close = element("button", cell, "Close");
    close.type = "button";
    close.addEventListener("click", () => { cell.remove(); rect.focus(); });
    if (point.panels.length) courses(cell, point, "cell");
    const pair = element("div", cell);
    pair.className = "pair";
    if (point.curves.length) {
      distribution(element("div", pair), point, false);
      distribution(element("div", pair), point, true);
    } else element("p", cell, "There is no distribution of latency here.");
    cell.scrollIntoView({ block: "nearest" });
  };
  if (data.points.length > 1) {
    for (const rect of document.querySelectorAll(".hits rect[data-point]")) {
      rect.setAttribute("role", "button");
      rect.setAttribute("aria-label", rect.dataset.say || "");
      rect.tabIndex = 0;
      rect.addEventListener("click", () => open(rect));
      rect.addEventListener("keydown", event => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(rect); }
      });
      rect.addEventListener("focus", () => { const box = rect.getBoundingClientRect(); say(rect, box.left + box.width / 2, box.top + box.height / 2); });
      rect.addEventListener("blur", () => { tip.hidden = true; });
    }
    // A picture with buttons is no single image.
    for (const svg of document.querySelectorAll("svg.chart")) if (svg.querySelector("[role=button]")) svg.setAttribute("role", "group");
  }

  const again = () => plots.forEach(plot => { if (plot.holder.isConnected) plot.redraw(); });
  scheme.addEventListener("change", again);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; again(); } });
})();
