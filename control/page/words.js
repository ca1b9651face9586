/* Values as people read them. Counters may be strings of digits (docs/api.md). */
"use strict";

const NONE = "\u2013";

function withPrefix(value, digits) {
	const prefixes = ["", " k", " M", " G", " T", " P"];
	let i = 0;

	while (Math.abs(value) >= 999.5 && i < prefixes.length - 1) {
		value /= 1000;
		i++;
	}
	return (i || !Number.isInteger(value) ? shortest(value, digits) : String(value)) + prefixes[i];
}

/* Three digits that count, or so: 0.12, 1.23, 12.3, 123. */
function shortest(value, digits) {
	const size = Math.abs(value);
	const places = size < 10 ? digits : size < 100 ? digits - 1 : digits - 2;

	return value.toFixed(Math.max(places, 0));
}

function asCount(value) {
	return value === null ? NONE : withPrefix(value, 2);
}

/* Of round values, beside an axis. */
function asAxis(value) {
	return withPrefix(value, 2).replace(/(\.\d*?)0+(?= |$)/, "$1").replace(/\.(?= |$)/, "");
}

/* Of what is counted: parts of one a second are noise, but not of slow things. */
function asRate(value) {
	if (value === null)
		return NONE;
	return value >= 10 ? withPrefix(Math.round(value), 2) : withPrefix(Math.round(value * 10) / 10, 1);
}

function asBits(value) {
	if (value === null)
		return NONE;
	const text = withPrefix(Math.round(value), 1);

	return text + (text.includes(" ") ? "bit/s" : " bit/s");
}

function asShare(value) {
	return value === null ? NONE : shortest(value * 100, value < 0.0995 ? 1 : 2) + " %";
}

/* The two largest units: "3 d 4 h", "12 min 5 s". */
function asDuration(seconds) {
	const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
	let left = Math.max(0, Math.floor(seconds));
	const first = units.findIndex(([, size]) => left >= size);
	const parts = [];

	if (first < 0)
		return "0 s";
	for (const [name, size] of units.slice(first, first + 2)) {
		if (left >= size)
			parts.push(Math.floor(left / size) + " " + name);
		left %= size;
	}
	return parts.join(" ");
}

/* The largest unit only, for tables. */
function asAge(seconds) {
	return asDuration(seconds).split(" ").slice(0, 2).join(" ");
}

function asTook(seconds) {
	if (seconds < 0.0995)
		return shortest(seconds * 1000, seconds >= 0.000995 && seconds < 0.00995 ? 1 : 2) + " ms";
	return seconds < 0.9995 ? Math.round(seconds * 1000) + " ms" : seconds.toFixed(1) + " s";
}

/* Of this browser's time zone. */
function asDay(date) {
	return [date.getFullYear(), date.getMonth() + 1, date.getDate()]
		.map((n) => String(n).padStart(2, "0")).join("-");
}

function asClock(date) {
	return [date.getHours(), date.getMinutes(), date.getSeconds()]
		.map((n) => String(n).padStart(2, "0")).join(":");
}

function asEndpoint(address, port) {
	const host = address.includes(":") ? "[" + address + "]" : address;

	return port ? host + ":" + port : address;
}

/* Growth a second of the field, between two objects of the same thing; null where it cannot be
 * said: there is none before, or the daemon began anew in between. */
function rateOf(now, before, seconds, field) {
	if (!before || !(seconds > 0))
		return null;
	const grown = Number(now[field]) - Number(before[field]);

	return grown >= 0 ? grown / seconds : null;
}

function busyShare(now, before) {
	if (!before)
		return null;
	const busy = Number(now.busy_cycles_total) - Number(before.busy_cycles_total);
	const idle = Number(now.idle_cycles_total) - Number(before.idle_cycles_total);

	return busy >= 0 && idle >= 0 && busy + idle > 0 ? busy / (busy + idle) : null;
}
