// The headers in which the echo site tells what it saw of a request.
export const SEEN = {
  site: 'x-site',
  url: 'x-url',
  sha256: 'x-sha256',
  pid: 'x-pid',
  generation: 'x-generation',
  remotePort: 'x-remote-port',
} as const;
