"""Tauri's own updater plugin in a minimal app, whose hidden window asks the plugin.

`driver.py '{"endpoint", "version", "key", "folder", "download"}'` → one line of JSON. Needs a display.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from pytauri import Event, Listener, builder_factory
from pytauri_plugins import updater
from pytauri_wheel.lib import context_factory

PAGE = """<!doctype html><meta charset="utf-8"><script>
const { invoke, Channel } = window.__TAURI__.core
async function ask(download) {
  const update = await invoke("plugin:updater|check", {})
  if (!update) return { version: null }
  const said = { version: update.version, notes: update.body }
  if (download) {
    await invoke("plugin:updater|download", { rid: update.rid, onEvent: new Channel() })
    said.isVerified = true
  }
  return said
}
ask(%s).catch(error => ({ error: String(error) })).then(said => window.__TAURI__.event.emit("said", said))
</script>"""


def configuration(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the content of the app's `tauri.conf.json`."""
    return {
        "productName": "app",
        "version": asked["version"],
        "identifier": "com.example.app",
        "build": {"frontendDist": "./frontend"},
        "app": {"withGlobalTauri": True, "windows": [{"label": "main", "visible": False}], "security": {"csp": None}},
        "plugins": {
            "updater": {
                "pubkey": asked["key"],
                "endpoints": [asked["endpoint"]],
                "dangerousInsecureTransportProtocol": True,  # the service is on loopback, without TLS
            }
        },
    }


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Run the app until its page reports the plugin's result."""
    folder = Path(asked["folder"])
    (folder / "frontend").mkdir(exist_ok=True)
    (folder / "capabilities").mkdir(exist_ok=True)
    (folder / "frontend" / "index.html").write_text(PAGE % json.dumps(asked["download"]))
    (folder / "tauri.conf.json").write_text(json.dumps(configuration(asked)))
    allowed = {"identifier": "main", "windows": ["main"], "permissions": ["core:default", "updater:default"]}
    (folder / "capabilities" / "main.json").write_text(json.dumps(allowed))
    plugins = [updater.Builder.build()]
    app = builder_factory().build(context=context_factory(folder), invoke_handler=None, plugins=plugins)
    handle = app.handle()
    said: list[dict[str, Any]] = []

    def hear(event: Event) -> None:
        said.append(json.loads(event.payload))
        handle.exit(0)

    Listener.listen(app, "said", hear)
    app.run_return()
    return said[0]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))) + "\n")
    sys.stdout.flush()
    os._exit(0)  # the interpreter may hang at its end because of the window's threads
