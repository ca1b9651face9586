/* Making and changing elements. All text comes in as text, whatever it holds, and what has not
 * changed is not touched: there may be thousands of rows, and they are looked at every second. */
"use strict";

function find(id) {
	return document.getElementById(id);
}

function element(tag, className, text) {
	const made = document.createElement(tag);

	if (className)
		made.className = className;
	if (text !== undefined)
		put(made, text);
	return made;
}

function add(parent, tag, className, text) {
	return parent.appendChild(element(tag, className, text));
}

function put(node, text) {
	if (node.shownText === text)
		return;
	node.shownText = text;
	node.textContent = text;
}

function hint(node, text) {
	if (node.shownHint === text)
		return;
	node.shownHint = text;
	node.title = text;
}

function mark(node, className) {
	if (node.className !== className)
		node.className = className;
}

function hide(node, isHidden) {
	if (node.hidden !== isHidden)
		node.hidden = isHidden;
}

/* A state: always a word, the colour is beside it. */
function putState(node, state, word) {
	mark(node, "state is-" + state);
	put(node, word === undefined ? state : word);
}

/* A bar of a share between 0 and 1, or null; with a mark where it should end, or null. */
function addBar(parent) {
	const bar = add(parent, "span", "share");

	bar.filled = add(bar, "span", "part");
	bar.goal = add(bar, "span", "goal");
	bar.words = add(parent, "span", "percent");
	return bar;
}

function putBar(bar, share, goal) {
	const width = ((share === null ? 0 : Math.min(share, 1)) * 100).toFixed(1) + "%";

	if (bar.shownWidth !== width)
		bar.filled.style.width = bar.shownWidth = width;
	hide(bar.goal, goal === null);
	if (goal !== null && bar.shownGoal !== goal)
		bar.goal.style.left = ((bar.shownGoal = goal) * 100).toFixed(1) + "%";
	put(bar.words, asShare(share));
}

/* A row of a table whose cells are called by name. Roles are said, for where the style makes
 * something else of the table; labels are for there, too. */
function makeRow(cells, className) {
	const row = element("tr", className);

	row.setAttribute("role", "row");
	row.cell = {};
	for (const [name, cellClass, label] of cells) {
		const cell = add(row, "td", cellClass);

		cell.setAttribute("role", "cell");
		if (label)
			cell.dataset.label = label;
		row.cell[name] = cell;
	}
	return row;
}

/* The children of an element, one for each item of a list. Each is made once, found again by its
 * key, and put in the list's order. */
class Children {
	constructor(parent, make, before) {
		this.parent = parent;
		this.make = make;
		this.before = before || null; // what stands in front of them all
		this.byKey = new Map();
	}

	/* keyOf(item), fill(child, item). */
	update(items, keyOf, fill) {
		const seen = new Set();
		let last = this.before;

		for (const item of items) {
			const key = keyOf(item);
			let child = this.byKey.get(key);

			if (!child) {
				child = this.make(item);
				this.byKey.set(key, child);
			}
			const place = last ? last.nextSibling : this.parent.firstChild;

			if (place !== child)
				this.parent.insertBefore(child, place);
			fill(child, item);
			seen.add(key);
			last = child;
		}
		for (const [key, child] of this.byKey)
			if (!seen.has(key)) {
				child.remove();
				this.byKey.delete(key);
			}
	}
}
