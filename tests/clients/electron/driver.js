// electron-updater as an app uses it, in plain Node: its own updaters, providers, checks and downloads. Only Electron's own
// parts are replaced: the app's name and version, the network stack (by Node's), and the installer on macOS (by nothing).
//
// node driver.js '{"system", "arch", "url", "version", "folder", "download"}' → one line of JSON.

"use strict"

const fs = require("fs")
const http = require("http")
const https = require("https")
const Module = require("module")
const path = require("path")

const load = Module._load
const squirrelMac = Object.assign(new (require("events"))(), { setFeedURL() {}, checkForUpdates() {} })
const electron = { app: {}, net: {}, session: {}, autoUpdater: squirrelMac }
Module._load = (name, ...rest) => (name === "electron" ? electron : load(name, ...rest))

const asked = JSON.parse(process.argv[2])
const PLATFORMS = { windows: "win32", macos: "darwin", linux: "linux" }
const UPDATERS = { windows: "NsisUpdater", macos: "MacUpdater", linux: "AppImageUpdater" }
Object.defineProperty(process, "platform", { value: PLATFORMS[asked.system] })
Object.defineProperty(process, "arch", { value: asked.arch })

const { ElectronHttpExecutor } = require("electron-updater/out/electronHttpExecutor")

class NodeExecutor extends ElectronHttpExecutor {
  createRequest(options, callback) {
    return (options.protocol === "https:" ? https : http).request(options, callback)
  }
}

async function main() {
  const configuration = path.join(asked.folder, "app-update.yml")
  fs.writeFileSync(configuration, `provider: generic\nurl: ${asked.url}\nupdaterCacheDirName: app\n`)
  const app = {
    version: asked.version,
    name: "app",
    isPackaged: true,
    appUpdateConfigPath: configuration,
    userDataPath: asked.folder,
    baseCachePath: asked.folder,
    whenReady: () => Promise.resolve(),
    relaunch() {},
    quit() {},
    onQuit() {},
  }
  process.env.APPIMAGE = path.join(asked.folder, "installed.AppImage")
  const Updater = require(`electron-updater/out/${UPDATERS[asked.system]}`)[UPDATERS[asked.system]]
  const updater = new Updater(null, app)
  updater.logger = null
  updater.httpExecutor = new NodeExecutor()
  updater.setFeedURL({ provider: "generic", url: asked.url })
  updater.autoDownload = false
  updater.autoInstallOnAppQuit = false
  updater.on("error", () => {})
  const found = await updater.checkForUpdates()
  const provider = await updater.clientPromise
  const said = {
    isAvailable: found.isUpdateAvailable,
    version: found.updateInfo.version,
    notes: found.updateInfo.releaseNotes,
    files: provider.resolveFiles(found.updateInfo).map(file => String(file.url)),
  }
  if (asked.download && found.isUpdateAvailable) {
    updater.on("update-downloaded", event => {
      said.content = fs.readFileSync(event.downloadedFile).toString("base64")
    })
    await updater.downloadUpdate()
  }
  return said
}

main()
  .catch(error => ({ error: `${error.code || ""} ${error.message}` }))
  .then(said => {
    console.log(JSON.stringify(said))
    process.exit(0)
  })
