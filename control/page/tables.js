/* The tables below the services: failover, workers, ports, events. */
"use strict";

function makeGroupRow() {
	const row = makeRow([["name", "name"], ["state", "status"], ["priority", "number", "priority"],
		["instances", "", "instances"], ["tracks", "", "tracks"], ["why", "why", "why"]]);

	add(row.cell.name, "b");
	row.state = add(row.cell.state, "span");
	row.since = add(row.cell.state, "span", "since");
	row.instances = new Children(row.cell.instances, () => element("div"));
	row.tracks = new Children(row.cell.tracks, () => element("div"));
	return row;
}

function instanceWords(instance) {
	const master = instance.master
		? "; master " + instance.master.address + ", priority " + instance.master.priority : "";

	return "VRID " + instance.vrid + " on " + instance.device + ": " + instance.addresses.join(", ")
		+ (instance.state === "master" ? "" : master);
}

function trackWords(track) {
	return track.track + " " + (track.is_known ? track.state : "unknown")
		+ (track.adjustment ? " (" + (track.adjustment > 0 ? "+" : "") + track.adjustment + ")" : "");
}

function fillGroup(row, group, now) {
	put(row.cell.name.firstChild, group.group);
	putState(row.state, group.state, group.state.toUpperCase());
	put(row.since, asAge((now - new Date(group.since)) / 1000));
	hint(row.since, "since " + new Date(group.since).toLocaleString());
	put(row.cell.priority, group.priority === group.priority_base ? String(group.priority)
		: group.priority + " (" + group.priority_base + ")");
	row.instances.update(group.instances, (i) => i.vrrp, (line, i) => put(line, instanceWords(i)));
	row.tracks.update(group.tracks, (t) => t.track, (line, t) => put(line, trackWords(t)));
	put(row.cell.why, group.why);
}

function makeWorkerRow() {
	const row = makeRow([["name", "name"], ["state", "status"], ["busy", "bar-cell", "busy"],
		["connections", "number", "conns"], ["packets", "number", "packets/s"],
		["dropped", "number", "dropped/s"]]);

	row.state = add(row.cell.state, "span");
	row.bar = addBar(row.cell.busy);
	return row;
}

/* "no_server 12, ttl 3": the reasons that occurred, the most frequent first. */
function dropWords(drops) {
	const seen = Object.entries(drops).filter(([, n]) => Number(n) > 0);

	seen.sort((a, b) => Number(b[1]) - Number(a[1]));
	return seen.length > 0 ? "since the start: " + seen.map(([why, n]) => why + " " + n).join(", ")
		: "none since the start";
}

function fillWorker(row, worker, before, seconds) {
	const packets = before ? before.packets : undefined;

	put(row.cell.name, worker.worker + " on CPU " + worker.cpu);
	putState(row.state, worker.is_stuck ? "down" : "up", worker.is_stuck ? "stuck" : "runs");
	putBar(row.bar, busyShare(worker, before), null);
	put(row.cell.connections, asCount(Number(worker.connections)));
	hint(row.cell.connections, worker.half_open + " of them half open");
	put(row.cell.packets, asRate(rateOf(worker.packets, packets, seconds, "rx_total")));
	put(row.cell.dropped, asRate(rateOf(worker.packets, packets, seconds, "dropped_total")));
	hint(row.cell.dropped, dropWords(worker.drops_total));
}

function makePortRow() {
	const row = makeRow([["name", "name"], ["state", "status"], ["in", "number", "in"],
		["out", "number", "out"], ["missed", "number", "missed"], ["errors", "number", "errors"]]);

	add(row.cell.name, "span");
	add(row.cell.name, "span", "where");
	row.state = add(row.cell.state, "span");
	return row;
}

function fillPort(row, port, before, seconds) {
	put(row.cell.name.firstChild, port.port);
	put(row.cell.name.lastChild, port.device + (port.tap ? ", " + port.tap : ""));
	hint(row.cell.name, port.driver + ", " + port.mac + ", MTU " + port.mtu + ", queues " + port.queues);
	putState(row.state, port.up ? "up" : "down");
	put(row.cell.in, asBits(bitsOf(port, before, seconds, "receive_bytes_total")));
	hint(row.cell.in, asRate(rateOf(port, before, seconds, "receive_packets_total")) + " packets/s");
	put(row.cell.out, asBits(bitsOf(port, before, seconds, "transmit_bytes_total")));
	hint(row.cell.out, asRate(rateOf(port, before, seconds, "transmit_packets_total")) + " packets/s");
	put(row.cell.missed, asCount(Number(port.receive_missed_total)));
	put(row.cell.errors, asCount(Number(port.transmit_errors_total)));
}

function makeEventRow() {
	return makeRow([["at", "at"], ["kind", "kind"], ["message", "message"]]);
}

/* "yesterday's" clock would mislead: what is not of today has its date. */
function fillEvent(row, event, now) {
	const at = new Date(event.at);
	const isToday = at.toDateString() === now.toDateString();

	put(row.cell.at, (isToday ? "" : asDay(at) + " ") + asClock(at));
	hint(row.cell.at, event.at);
	mark(row.cell.kind, "kind level-" + event.level
		+ (event.after === "down" || event.after === "fault" ? " bad" : ""));
	put(row.cell.kind, event.kind);
	put(row.cell.message, event.message);
}

class Tables {
	constructor() {
		this.groups = new Children(find("groups"), makeGroupRow);
		this.workers = new Children(find("workers"), makeWorkerRow);
		this.ports = new Children(find("ports"), makePortRow);
		this.events = new Children(find("events"), makeEventRow);
	}

	update(answer, before) {
		const now = new Date(answer.time);
		const seconds = before ? (now - new Date(before.time)) / 1000 : 0;
		const then = (list, key, value) => before && before[list].find((o) => o[key] === value);
		const events = (answer.events || []).slice().reverse();

		hide(find("vrrp"), answer.groups.length === 0);
		this.groups.update(answer.groups, (g) => g.group, (row, g) => fillGroup(row, g, now));
		this.workers.update(answer.workers, (w) => w.worker,
			(row, w) => fillWorker(row, w, then("workers", "worker", w.worker), seconds));
		this.ports.update(answer.ports, (p) => p.port,
			(row, p) => fillPort(row, p, then("ports", "port", p.port), seconds));
		this.events.update(events, (e) => e.event, (row, e) => fillEvent(row, e, now));
		hide(find("no-events"), events.length > 0);
	}
}
