// Serve Hazel on loopback with Node's own server: `node hazel.js PORT`.
const { createServer } = require('http')
const hazel = require('hazel-server')({ account: 'comet', repository: 'cursor' })
createServer(hazel).listen(Number(process.argv[2]), '127.0.0.1')
