/* The page: asks the daemon once a second while it is looked at, and says so when there is no
 * answer. Read-only. What the person has chosen is in the address, behind the #. */
"use strict";

const INTERVAL_MS = 1000;
const PATIENCE_MS = 3000; // for one answer
const MAX_PROBLEMS = 8;

const page = {
	charts: new Charts(find("charts")),
	services: new Services(find("services")),
	tables: new Tables(),
	answer: null, // the last
	answeredAt: null,
	isFilled: false, // with the daemon's history
	timer: null,
	isAsking: false,
};

/* ---- what was chosen -------------------------------------------------------------------------- */

function readOptions() {
	const said = new URLSearchParams(location.hash.slice(1));
	const family = said.get("family");

	return {
		filter: said.get("filter") || "", family: family === "4" || family === "6" ? family : "",
		hideUp: said.has("hide-up"), unfold: said.has("unfold"),
	};
}

function showOptions(options) {
	if (find("filter").value !== options.filter)
		find("filter").value = options.filter;
	find("hide-up").checked = options.hideUp;
	find("unfold").checked = options.unfold;
	for (const radio of document.getElementsByName("family"))
		radio.checked = radio.value === options.family;
}

function keepOptions() {
	const said = new URLSearchParams();
	const family = document.querySelector("input[name=family]:checked").value;

	if (find("filter").value)
		said.set("filter", find("filter").value);
	if (family)
		said.set("family", family);
	for (const id of ["hide-up", "unfold"])
		if (find(id).checked)
			said.set(id, "");
	const hash = said.toString().replace(/=(?=&|$)/g, "");

	history.replaceState(null, "", hash ? "#" + hash : location.pathname);
	page.options = readOptions();
	if (page.answer)
		page.services.show(page.answer, page.options);
}

/* ---- the top ---------------------------------------------------------------------------------- */

/* What this node is: of its VRRP groups, one word if they agree; without groups, of its VIPs. */
function rolesOf(status) {
	if (status.vrrp.length === 0)
		return [{state: status.vips.state, word: status.vips.state}];
	const states = new Set(status.vrrp.map((g) => g.state));

	if (states.size === 1)
		return [{state: status.vrrp[0].state, word: status.vrrp[0].state.toUpperCase()}];
	return status.vrrp.map((g) => ({state: g.state, word: g.group + " " + g.state.toUpperCase()}));
}

/* Servers that are down, those of a pool with the same trouble as one: where, since when and why. */
function downServers(services) {
	const found = new Map();

	for (const service of services)
		for (const s of service.servers.filter((server) => server.state === "down")) {
			const key = [service.pool, s.server, s.check.detail].join("/");
			const trouble = found.get(key) || {server: s.server, detail: s.check.detail,
				since: s.check.since, halves: []};

			if (s.check.since < trouble.since)
				trouble.since = s.check.since;
			trouble.halves.push(service);
			found.set(key, trouble);
		}
	return [...found.values()];
}

/* "imap, smtp (IPv6)": the family is said where only one of two is meant. */
function placeWords(halves, services) {
	const names = [...new Set(halves.map((h) => h.service))];
	const isWhole = (name) => services.filter((s) => s.service === name).length
		=== halves.filter((h) => h.service === name).length;

	return names.map((name) => isWhole(name) ? name : name + " (" + halves
		.filter((h) => h.service === name)
		.map((h) => h.protocol.toUpperCase() + " IPv" + h.family).join(", ") + ")").join(", ");
}

function problemsOf(answer, now) {
	const problems = [];
	const say = (text) => problems.push(text);

	for (const g of answer.groups.filter((group) => group.state === "fault"))
		say("VRRP group " + g.group + " is in FAULT: " + g.why);
	for (const w of answer.workers.filter((worker) => worker.is_stuck))
		say("worker " + w.worker + " is stuck: it forwards nothing");
	answer.status.warnings.forEach(say);
	for (const s of answer.services.filter((service) => service.state === "down"))
		say("service " + s.service + " (" + s.protocol.toUpperCase() + " IPv" + s.family
			+ ") is down: it has no server");
	for (const t of downServers(answer.services))
		say("server " + t.server + " is down for " + asAge((now - new Date(t.since)) / 1000)
			+ (t.detail ? ": " + t.detail : "") + " \u2013 in " + placeWords(t.halves, answer.services));
	if (problems.length > MAX_PROBLEMS) {
		const left = problems.length - MAX_PROBLEMS + 1;

		problems.splice(MAX_PROBLEMS - 1, left, "and " + left + " more");
	}
	return problems;
}

/* "services 22 of 22 up, servers 43 up, 1 down" */
function summaryOf(status) {
	const servers = ["up", "down", "drain", "maint", "unknown"]
		.filter((state) => status.servers[state] > 0 || state === "up")
		.map((state) => status.servers[state] + " " + state);
	const connections = status.connections;

	return "services: " + status.services.up + " of " + status.services.count + " up \u00b7 servers: "
		+ servers.join(", ") + " \u00b7 connections: " + asCount(Number(connections.count)) + " of "
		+ asCount(Number(connections.max));
}

const roles = new Children(find("role"), () => element("span"));
const problemLines = new Children(find("problems"), () => element("li"));

function fillTop(answer) {
	const status = answer.status;
	const problems = problemsOf(answer, new Date(answer.time));
	const role = rolesOf(status);

	put(find("node"), status.node);
	roles.update(role, (r) => r.word, (badge, r) => {
		putState(badge, r.state, r.word);
		badge.classList.add("badge");
	});
	put(find("facts"), "Poise " + status.version + " \u00b7 up " + asDuration(status.uptime_seconds));
	hint(find("facts"), status.driver_version + ", " + status.config.path);
	put(find("summary"), summaryOf(status));
	problemLines.update(problems.map((text, i) => ({text, i})), (p) => p.i, (li, p) => put(li, p.text));
	showInTab(status.node, role[0].word, problems.length > 0);
}

/* The tab tells, too. */
function showInTab(node, role, isBad) {
	const title = (isBad ? "(!) " : "") + node + " " + role + " \u2013 Poise";
	const shape = isBad ? "<path fill='%23d22' d='M8 1l7.5 14H.5z'/>"
		: "<circle fill='%232a2' cx='8' cy='8' r='7'/>";
	const icon = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
		+ shape + "</svg>";

	if (document.title !== title)
		document.title = title;
	if (find("icon").getAttribute("href") !== icon)
		find("icon").setAttribute("href", icon);
}

/* ---- asking ----------------------------------------------------------------------------------- */

class NoAnswer extends Error {}

async function ask(path) {
	try {
		const answer = await fetch(path, {
			cache: "no-store", credentials: "omit", redirect: "error",
			signal: AbortSignal.timeout(PATIENCE_MS),
		});

		if (answer.ok)
			return await answer.json();
	} catch {
		// gone, late or cut short: to a reader it is all the same
	}
	throw new NoAnswer(path);
}

/* At the start, after a pause and when the daemon is another. */
async function fillHistory(answer) {
	const past = await ask("api/v1/history");

	page.charts.fill(past.samples.filter((s) => s.time < answer.time));
	page.isFilled = true;
}

function show(answer) {
	const began = performance.now();
	const before = page.answer;

	page.answer = answer;
	fillTop(answer);
	page.services.update(answer, page.options);
	page.tables.update(answer, before);
	page.charts.append(sampleOf(answer));
	page.charts.draw();
	document.body.dataset.renderMs = (performance.now() - began).toFixed(1);
	document.body.dataset.ticks = Number(document.body.dataset.ticks || 0) + 1;
}

function showAnswered() {
	page.answeredAt = new Date();
	document.body.dataset.link = "up";
	put(find("live"), "live");
}

function showNoAnswer() {
	document.body.dataset.link = "lost";
	put(find("live"), page.answeredAt ? "no answer since " + asClock(page.answeredAt) : "no answer");
}

function isAnother(answer) {
	return page.answer && page.answer.status.start_time !== answer.status.start_time;
}

async function update() {
	try {
		const answer = await ask("api/v1/status");

		if (!page.isFilled || isAnother(answer))
			await fillHistory(answer);
		showAnswered();
		show(answer);
	} catch (why) {
		if (!(why instanceof NoAnswer))
			throw why;
		showNoAnswer();
	}
}

async function turn() {
	const began = performance.now();

	if (page.isAsking || document.hidden)
		return;
	page.isAsking = true;
	try {
		await update();
	} finally {
		page.isAsking = false;
		clearTimeout(page.timer);
		page.timer = setTimeout(turn, Math.max(100, INTERVAL_MS - (performance.now() - began)));
	}
}

/* Nobody looks: nothing is asked. Back again, the charts get what was missed. */
function pauseOrGoOn() {
	clearTimeout(page.timer);
	if (document.hidden)
		return;
	page.isFilled = false;
	turn();
}

page.options = readOptions();
showOptions(page.options);
find("filter").addEventListener("input", keepOptions);
for (const input of document.querySelectorAll(".bar input:not([type=search])"))
	input.addEventListener("change", keepOptions);
window.addEventListener("hashchange", () => {
	showOptions(readOptions());
	keepOptions();
});
document.addEventListener("visibilitychange", pauseOrGoOn);
turn();
