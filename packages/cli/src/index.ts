// The command line, for a program that wants to run it within itself.
export { main } from './program.js';
