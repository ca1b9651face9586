/* Four charts of the last ten minutes, over all services. The daemon's history fills them at the
 * start; each answer adds a point. Rates are made here, from totals. */
"use strict";

const CHART_SECONDS = 600;
const LEAST_SECONDS = 60; // of a daemon that has just begun
const GAP_SECONDS = 3; // without a sample: the line is broken

const CHARTS = [
	{
		title: "New connections", show: (v) => asRate(v) + (v === null ? "" : " /s"), axis: asAxis,
		lines: [{name: "new", colour: "--line-1",
			value: (now, before, s) => rateOf(now, before, s, "connections_total")}],
	},
	{
		title: "Traffic", show: asBits, axis: asAxis, least: 1000,
		lines: [
			{name: "in", colour: "--line-1",
				value: (now, before, s) => bitsOf(now, before, s, "bytes_in_total")},
			{name: "out", colour: "--line-2",
				value: (now, before, s) => bitsOf(now, before, s, "bytes_out_total")},
		],
	},
	{
		title: "Connections", show: asCount, axis: asAxis,
		lines: [{name: "open", colour: "--line-3", value: (now) => Number(now.connections)}],
	},
	{
		title: "Workers busy", show: asShare, axis: (v) => Math.round(v * 100) + " %", most: 1,
		lines: [{name: "busy", colour: "--line-4", value: (now, before) => busyShare(now, before)}],
	},
];

function bitsOf(now, before, seconds, field) {
	const bytes = rateOf(now, before, seconds, field);

	return bytes === null ? null : bytes * 8;
}

/* What an answer to /api/v1/status says, as a sample of the history. */
function sampleOf(answer) {
	const s = answer.status;
	const sum = (field) => s.workers.reduce((all, w) => all + Number(w[field]), 0);

	return {
		time: answer.time, connections_total: s.connections_total,
		bytes_in_total: s.bytes_in_total, bytes_out_total: s.bytes_out_total,
		connections: s.connections.count,
		busy_cycles_total: sum("busy_cycles_total"), idle_cycles_total: sum("idle_cycles_total"),
	};
}

class Chart {
	constructor(parent, spec, onPoint) {
		const card = add(parent, "figure", "chart");
		const head = add(card, "figcaption");

		this.spec = spec;
		this.rows = [];
		this.point = null; // the row under the pointer
		add(head, "div", "title", spec.title);
		this.values = spec.lines.map((line) => {
			const value = add(head, "span", "value");

			if (spec.lines.length > 1) {
				add(value, "i", "key").style.background = "var(" + line.colour + ")";
				add(value, "span", "name", line.name);
			}
			return add(value, "b", "", NONE);
		});
		this.box = add(card, "div", "plot");
		this.onPoint = onPoint;
	}

	/* The library measures its box and reads colours once, so that it begins with the first data. */
	draw() {
		const end = this.rows[this.rows.length - 1][0].getTime();
		const begin = Math.min(this.rows[0][0].getTime(), end - LEAST_SECONDS * 1000);
		const more = {
			file: this.rows,
			dateWindow: [begin, end],
			axes: {y: {valueRange: [0, this.top()]}},
		};

		if (this.graph)
			this.graph.updateOptions(more);
		else
			this.graph = new Dygraph(this.box, this.rows, this.options(more));
		this.say();
	}

	options(more) {
		const style = getComputedStyle(document.body);
		const colour = (name) => style.getPropertyValue(name).trim();

		return {
			...more,
			labels: ["time", ...this.spec.lines.map((line) => line.name)],
			colors: this.spec.lines.map((line) => colour(line.colour)),
			legend: "never", interactionModel: {}, fillGraph: true, fillAlpha: 0.12,
			strokeWidth: 1.5, highlightCircleSize: 3, rightGap: 4, xRangePad: 0,
			axisLabelFontSize: 11, axisLineColor: colour("--rule"), gridLineColor: colour("--rule"),
			axes: {
				x: {axisLabelFormatter: (date) => asClock(date).replace(/:00$/, ""), pixelsPerLabel: 64,
					drawGrid: false},
				y: {axisLabelFormatter: (v) => this.spec.axis(v), pixelsPerLabel: 28,
					axisLabelWidth: 42, ...more.axes.y},
			},
			highlightCallback: (event, x, points, row) => this.onPoint(row),
			unhighlightCallback: () => this.onPoint(null),
		};
	}

	/* Room above the highest value, but a quiet chart is flat. */
	top() {
		let most = 0;

		for (const row of this.rows)
			for (let i = 1; i < row.length; i++)
				most = Math.max(most, row[i]);
		return this.spec.most || Math.max(most * 1.15, this.spec.least || 5);
	}

	select(row) {
		this.point = row;
		if (!this.graph)
			return;
		if (row === null)
			this.graph.clearSelection();
		else
			this.graph.setSelection(row);
		this.say();
	}

	/* The values under the pointer, else the newest. */
	say() {
		const row = this.rows[this.point === null ? this.rows.length - 1 : this.point];

		this.values.forEach((value, i) => put(value, this.spec.show(row ? row[i + 1] : null)));
	}

	recolour() {
		if (this.graph)
			this.graph.updateOptions(this.options({axes: {y: {valueRange: [0, this.top()]}}}));
	}
}

class Charts {
	constructor(parent) {
		this.samples = [];
		this.isPointing = false;
		this.charts = CHARTS.map((spec) => new Chart(parent, spec, (row) => this.point(row)));
		matchMedia("(prefers-color-scheme: dark)")
			.addEventListener("change", () => this.charts.forEach((chart) => chart.recolour()));
	}

	/* The pointer over one chart shows the same moment in all. The library calls back. */
	point(row) {
		if (this.isPointing)
			return;
		this.isPointing = true;
		this.charts.forEach((chart) => chart.select(row));
		this.isPointing = false;
	}

	/* From the daemon's history, which replaces what is there. */
	fill(samples) {
		this.samples = [];
		this.charts.forEach((chart) => { chart.rows = []; });
		samples.forEach((sample) => this.append(sample));
	}

	append(sample) {
		const time = new Date(sample.time);
		const before = this.samples[this.samples.length - 1];
		const seconds = before ? (time - before.at) / 1000 : 0;

		if (before && seconds <= 0)
			return;
		this.samples.push({...sample, at: time});
		const oldest = time - CHART_SECONDS * 1000;

		while (this.samples[0].at < oldest)
			this.samples.shift();
		for (const chart of this.charts) {
			if (seconds > GAP_SECONDS)
				chart.rows.push([new Date(time - 1), ...chart.spec.lines.map(() => null)]);
			chart.rows.push(
				[time, ...chart.spec.lines.map((line) => line.value(sample, before, seconds))]);
			while (chart.rows[0][0] < oldest)
				chart.rows.shift();
		}
	}

	draw() {
		if (this.samples.length > 0)
			this.charts.forEach((chart) => chart.draw());
	}
}
