#!/usr/bin/python3
"""A browser by remote control: each call is one order to a running chromedriver.

    browser.py PORT open FOLDER          a browser with its profile in FOLDER; prints SESSION
    browser.py PORT go SESSION URL
    browser.py PORT run SESSION SCRIPT   prints as JSON what the script's "return" gives
    browser.py PORT cpu SESSION SCRIPT   prints the milliseconds the page's thread computed for it
    browser.py PORT screen SESSION WIDTH HEIGHT [light|dark]
    browser.py PORT shot SESSION FILE [whole]
    browser.py PORT log SESSION          what the page said on its console, a line each
    browser.py PORT requests SESSION     URLs it asked the network for since the last call
    browser.py PORT close SESSION

WebDriver (W3C) over plain HTTP. PORT is chromedriver's on 127.0.0.1.
"""

import base64
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_SECONDS = 60
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--hide-scrollbars", "--no-proxy-server", "--lang=en", "about:blank")


class Driver:
    def __init__(self, port, session=None):
        self.base = f"http://127.0.0.1:{port}/session"
        if session:
            self.base += "/" + session

    def order(self, path, body=None, method="POST"):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            sys.exit(f"browser: {path}: {error.read().decode()[:500]}")

    def devtools(self, command, **parameters):
        return self.order("/goog/cdp/execute", {"cmd": command, "params": parameters})


def open_browser(driver, folder):
    options = {"args": [*FLAGS, f"--user-data-dir={folder}"]}
    wanted = {"browserName": "chrome", "goog:chromeOptions": options,
              "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
    print(driver.order("", {"capabilities": {"alwaysMatch": wanted}})["sessionId"])


def go(driver, url):
    driver.order("/url", {"url": url})


def run(driver, script):
    print(json.dumps(driver.order("/execute/sync", {"script": script, "args": []})))


def cpu(driver, script):
    def thread_seconds():
        metrics = driver.devtools("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "ThreadTime")

    driver.devtools("Performance.disable")
    driver.devtools("Performance.enable", timeDomain="threadTicks")
    before = thread_seconds()
    driver.order("/execute/sync", {"script": script, "args": []})
    print(round((thread_seconds() - before) * 1000))


def screen(driver, width, height, look="light"):
    driver.devtools("Emulation.setEmulatedMedia", media="screen",
                    features=[{"name": "prefers-color-scheme", "value": look}])
    driver.devtools("Emulation.setDeviceMetricsOverride", width=int(width), height=int(height),
                    deviceScaleFactor=1, mobile=int(width) < 600)


def shot(driver, file, whole=None):
    picture = driver.devtools("Page.captureScreenshot", format="png",
                              captureBeyondViewport=whole == "whole")
    Path(file).write_bytes(base64.b64decode(picture["data"]))


def log(driver):
    for line in driver.order("/se/log", {"type": "browser"}):
        print(line["level"], line["message"])


def requests(driver):
    for line in driver.order("/se/log", {"type": "performance"}):
        event = json.loads(line["message"])["message"]
        if event["method"] != "Network.requestWillBeSent":
            continue
        url = event["params"]["request"]["url"]
        if not url.startswith(("data:", "chrome:", "about:")):
            print(url)


def close(driver):
    driver.order("", method="DELETE")


def main():
    orders = {"go": go, "run": run, "cpu": cpu, "screen": screen, "shot": shot, "log": log,
              "requests": requests, "close": close}
    if len(sys.argv) < 4 or sys.argv[2] not in (*orders, "open"):
        sys.exit(__doc__)
    port, name, session = sys.argv[1:4]
    if name == "open":
        open_browser(Driver(port), session)
    else:
        orders[name](Driver(port, session), *sys.argv[4:])


if __name__ == "__main__":
    main()
