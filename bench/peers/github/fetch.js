// Replaces node-fetch, and so GitHub: one release, whose notes set the length of the answer.
const base = 'https://downloads.example.com/comet-cursor/4.2.1'
const assets = ['setup-x64.exe', 'comet-cursor-darwin.zip', 'comet-cursor.AppImage'].map(name => ({
  name,
  url: `${base}/${name}`,
  browser_download_url: `${base}/${name}`,
  content_type: 'application/octet-stream',
  size: 48213001
}))
const release = {
  tag_name: 'v4.2.1',
  body: 'x'.repeat(Number(process.env.NOTES_CHARS)),
  published_at: '2026-11-20T12:00:00Z',
  draft: false,
  prerelease: false,
  assets
}

module.exports = async () => ({ status: 200, json: async () => [release] })
