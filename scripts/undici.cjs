// The part of undici that src/system/ uses, for the bundle: without fetch, WebSocket, caches and mocks.
'use strict';
const Dispatcher = require('undici/lib/dispatcher/dispatcher.js');

// As undici's own index.js does it.
Object.assign(Dispatcher.prototype, { request: require('undici/lib/api/api-request.js') });
module.exports = {
  Agent: require('undici/lib/dispatcher/agent.js'),
  ProxyAgent: require('undici/lib/dispatcher/proxy-agent.js'),
  buildConnector: require('undici/lib/core/connect.js'),
};
