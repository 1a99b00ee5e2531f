// Types of what the server gives as vendor/preact.js: one file with preact, its hooks and htm.
export { html } from 'htm/preact';
export { render } from 'preact';
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
export type { VNode } from 'preact';
