#!/usr/bin/python3
"""Takes the queries out of a dashboard and the alert rules, and asks a Prometheus for them.

    dashboard.py queries FILE           each query, one a line, its variables replaced
    dashboard.py check FILE URL         every query must give data; those that do not are printed
    dashboard.py names FILE METRICS.md  metrics that a query names and the page does not
"""

import json
import re
import sys
import urllib.parse
import urllib.request

VARIABLES = {"$__rate_interval": "15s", "$job": "poise", "$instance": ".*", "$service": ".*"}
# Series that begin with an event: no data while nothing has happened is right.
MAY_BE_EMPTY = ("Annotation",)


def replace(expr):
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def queries(path):
    """Pairs of a title and a query."""
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], replace(target["expr"])
    for annotation in dashboard["annotations"]["list"]:
        yield "Annotation " + annotation["name"], replace(annotation["expr"])


def ask(url, expr):
    data = urllib.parse.urlencode({"query": expr}).encode()
    with urllib.request.urlopen(url + "/api/v1/query", data, timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def check(path, url):
    empty = []
    for title, expr in queries(path):
        if not ask(url, expr) and not title.startswith(MAY_BE_EMPTY):
            empty.append(f"{title}: {expr}")
    print(*empty, sep="\n", end="\n" if empty else "")
    return 1 if empty else 0


def names(path, page):
    with open(page, encoding="utf-8") as file:
        known = set(re.findall(r"^\| `(\w+)`", file.read(), re.MULTILINE))
    used = set()
    for _, expr in queries(path):
        used |= set(re.findall(r"\b(?:poise|process)_\w+", expr))
    known |= {name + part for name in known for part in ("_bucket", "_sum", "_count")}
    unknown = used - known
    print(*sorted(unknown), sep="\n", end="\n" if unknown else "")
    return 1 if unknown else 0


def main():
    match sys.argv[1:]:
        case ["queries", path]:
            print(*(expr for _, expr in queries(path)), sep="\n")
            return 0
        case ["check", path, url]:
            return check(path, url)
        case ["names", path, page]:
            return names(path, page)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
