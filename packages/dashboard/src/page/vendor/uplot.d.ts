// Types of what the server gives as vendor/uplot.js.
export { default } from 'uplot';
