'use strict';
// The log of master.js: a line for an event, a stack for an error.
module.exports = {
  tip: (level, message) => console.log(`[${level}]`, ...[message].flat()),
  error: (error) => console.error(error),
};
