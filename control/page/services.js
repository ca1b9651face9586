/* The table of services: a body for each half of a service (one family, one protocol) with its
 * servers folded away, unless one of them is down or somebody unfolds it. Rows of servers are made
 * when they are first seen. */
"use strict";

const CELLS = [
	["name", "name"], ["state", "status"], ["weight", "number", "weight"],
	["connections", "number", "conns"], ["new", "number", "new/s"], ["in", "number", "in"],
	["out", "number", "out"], ["share", "bar-cell", "share"], ["check", "last"],
];

function keyOfService(s) {
	return s.service + "/" + s.family + "/" + s.protocol;
}

function portsOf(service) {
	return service.ports.map((p) => p.first === p.last ? p.first : p.first + "-" + p.last).join(", ");
}

/* One address with its port, as one would type it; of several, the first. */
function whereOf(service) {
	const more = service.vips.length > 1 ? " +" + (service.vips.length - 1) : "";
	const address = service.vips.length > 0 ? service.vips[0] : "no address";

	return asEndpoint(address, portsOf(service)) + more;
}

/* up: all servers are; partly: some are not, whatever for; down. */
function gradeOf(service) {
	if (service.state === "down")
		return "down";
	return service.servers.some((s) => s.state !== "up") ? "partly" : "up";
}

function matches(words, ...texts) {
	const text = texts.join(" ").toLowerCase();

	return words.every((word) => text.includes(word));
}

class ServiceBody {
	constructor() {
		const row = makeRow(CELLS, "service");
		const name = row.cell.name;

		this.body = element("tbody", "half");
		this.body.setAttribute("role", "rowgroup");
		this.body.append(row);
		this.row = row;
		this.toggle = add(name, "button", "toggle");
		this.toggle.type = "button";
		this.name = add(this.toggle, "b");
		add(this.toggle, "span", "kind");
		this.where = add(name, "span", "where");
		this.state = add(row.cell.state, "span");
		this.since = add(row.cell.state, "span", "since");
		this.bar = addBar(row.cell.share);
		this.servers = new Children(this.body, makeServerRow, row);
		this.isOpen = null; // as somebody wanted it; null: nobody has said
	}

	fill(service, view) {
		const grade = gradeOf(service);
		const open = this.isOpen === null
			? view.unfold || view.opens(service) : this.isOpen;

		put(this.name, service.service);
		put(this.toggle.lastChild, service.protocol.toUpperCase() + " IPv" + service.family);
		put(this.where, whereOf(service));
		hint(this.where, service.vips.join(", ") + " port " + portsOf(service) + "; pool "
			+ service.pool + ", " + service.scheduler + ", " + service.forward);
		putState(this.state, grade, grade === "down" ? "down" : "up");
		put(this.since, service.servers_up + " of " + service.servers.length);
		put(this.row.cell.weight, String(service.quorum.weight));
		putCounters(this.row.cell, service, view.before.get(keyOfService(service)), view.seconds);
		putBar(this.bar, view.shareOf(service), null);
		put(this.row.cell.check, quorumWords(service.quorum));
		this.fillServers(service, view, open);
	}

	fillServers(service, view, open) {
		const key = keyOfService(service);
		const sum = {
			weight: service.servers.reduce((all, s) => all + s.weight, 0),
			established: Number(service.connections.established),
		};
		const shown = open ? service.servers.filter((s) => view.showsServer(service, s)) : [];

		this.toggle.setAttribute("aria-expanded", String(open));
		this.servers.update(shown, (s) => s.server, (row, s) => {
			fillServer(row, s, sum, view);
			putCounters(row.cell, s, view.before.get(key + "/" + s.server), view.seconds);
		});
	}
}

function quorumWords(quorum) {
	if (quorum.state === "up" && quorum.needed <= 1)
		return "";
	return "quorum " + quorum.state + ": " + quorum.weight + " of " + quorum.needed;
}

function makeServerRow() {
	const row = makeRow(CELLS, "server");

	row.named = add(row.cell.name, "span", "who");
	row.where = add(row.cell.name, "span", "where");
	row.state = add(row.cell.state, "span");
	row.since = add(row.cell.state, "span", "since");
	row.established = add(row.cell.connections, "span");
	row.closing = add(row.cell.connections, "span", "closing");
	row.bar = addBar(row.cell.share);
	row.result = add(row.cell.check, "span", "result");
	row.took = add(row.cell.check, "span", "took");
	return row;
}

function fillServer(row, server, sum, view) {
	const check = server.check;
	const share = sum.established > 0
		? Number(server.connections.established) / sum.established : null;
	const goal = sum.weight > 0 ? server.weight / sum.weight : null;

	put(row.named, server.server);
	put(row.where, asEndpoint(server.address, server.port));
	putState(row.state, server.state);
	put(row.since, check.since ? asAge((view.now - new Date(check.since)) / 1000) : "");
	hint(row.since, check.since ? "the check says so since " + new Date(check.since).toLocaleString()
		: "");
	hint(row.state, server.admin_reason ? server.admin + " by " + server.admin_reason : "");
	put(row.cell.weight, String(server.weight));
	hint(row.cell.weight, server.weight_set === server.weight_configured ? ""
		: "set to " + server.weight_set + ", in the file " + server.weight_configured);
	putBar(row.bar, share, goal);
	mark(row.result, "result " + (check.ok === false ? "bad" : ""));
	put(row.result, check.ok === null ? "not yet" : check.detail || (check.ok ? "passed" : "failed"));
	put(row.took, check.duration_seconds === null ? "" : asTook(check.duration_seconds));
	hint(row.cell.check, "check " + check.name + " (" + check.type + ")"
		+ (check.last ? ", last at " + asClock(new Date(check.last)) : ""));
}

/* What services and servers have in common. */
function putCounters(cell, now, before, seconds) {
	const c = now.connections;
	const [established, closing] = cell.connections.children;

	if (established) {
		put(established, asCount(Number(c.established)));
		put(closing, Number(c.closing) > 0 ? "+" + asCount(Number(c.closing)) : "");
	} else {
		put(cell.connections, asCount(Number(c.established)));
	}
	hint(cell.connections, c.established + " established, " + c.closing + " closing; "
		+ now.connections_total + " since the start");
	put(cell.new, asRate(rateOf(now, before, seconds, "connections_total")));
	put(cell.in, asBits(bitsOf(now, before, seconds, "bytes_in_total")));
	put(cell.out, asBits(bitsOf(now, before, seconds, "bytes_out_total")));
}

/* What the person at the page has asked to see. */
class View {
	constructor(answer, options, before, atBefore) {
		const now = new Date(answer.time);

		this.connections = answer.services.reduce(
			(all, s) => all + Number(s.connections.established), 0);
		this.words = options.filter.toLowerCase().split(/\s+/).filter((word) => word);
		this.family = options.family;
		this.hideUp = options.hideUp;
		this.unfold = options.unfold;
		this.before = before;
		this.seconds = (now - atBefore) / 1000;
		this.now = now;
	}

	/* Of the connections over all services. */
	shareOf(service) {
		return this.connections > 0
			? Number(service.connections.established) / this.connections : null;
	}

	isNamed(service) {
		return matches(this.words, service.service, service.protocol, "ipv" + service.family,
			service.state, service.pool, whereOf(service), ...service.vips);
	}

	isServerNamed(service, server) {
		return this.isNamed(service) || matches(this.words, service.service, service.protocol,
			"ipv" + service.family, server.server, asEndpoint(server.address, server.port), server.state);
	}

	showsServer(service, server) {
		return !(this.hideUp && server.state === "up") && this.isServerNamed(service, server);
	}

	shows(service) {
		if (this.family && service.family !== Number(this.family))
			return false;
		if (this.hideUp && gradeOf(service) === "up")
			return false;
		return this.isNamed(service) || service.servers.some((s) => this.isServerNamed(service, s));
	}

	/* By itself: something is down, or the filter is for a server. */
	opens(service) {
		return service.servers.some((s) => s.state === "down")
			|| (this.words.length > 0 && !this.isNamed(service));
	}
}

class Services {
	constructor(table) {
		this.before = new Map(); // what the answer before said, by key
		this.atBefore = null;
		this.bodies = new Map();
		this.list = new Children(table, (service) => this.bodyOf(service).body, table.tHead);
	}

	bodyOf(service) {
		const key = keyOfService(service);
		let body = this.bodies.get(key);

		if (!body) {
			body = new ServiceBody();
			body.toggle.addEventListener("click", () => {
				body.isOpen = body.toggle.getAttribute("aria-expanded") !== "true";
				this.show(this.shown, this.options);
			});
			this.bodies.set(key, body);
		}
		return body;
	}

	/* A new answer. */
	update(answer, options) {
		if (this.shown && this.shown.time !== answer.time)
			this.keep(this.shown);
		this.show(answer, options);
	}

	keep(answer) {
		this.before.clear();
		this.atBefore = new Date(answer.time);
		for (const service of answer.services) {
			const key = keyOfService(service);

			this.before.set(key, service);
			for (const server of service.servers)
				this.before.set(key + "/" + server.server, server);
		}
	}

	/* Also when only the options are new. */
	show(answer, options) {
		const view = new View(answer, options, this.before, this.atBefore);
		const shown = answer.services.filter((service) => view.shows(service));

		this.shown = answer;
		this.options = options;
		this.list.update(shown, keyOfService,
			(body, service) => this.bodyOf(service).fill(service, view));
		put(find("shown"), shown.length === answer.services.length ? ""
			: shown.length + " of " + answer.services.length);
		hide(find("nothing"), shown.length > 0);
	}
}
