// What a shell completes, read off the commands themselves.
import { WORKER_SIGNALS } from '@vhostd/protocol/schemas';
import { HELP as WATCH_HELP } from '@vhostd/watch/help';
import type { Command, Option } from 'commander';

/** What is completed: nothing, names of files or directories, siteIds of the running daemon, or these words. */
export type Completes = 'nothing' | 'file' | 'directory' | 'site' | 'site or file' | readonly string[];

export interface OptionShape {
  /** `-f`, `--follow`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** Its value; undefined where it has none. */
  readonly value: Completes | undefined;
}

export interface CommandShape {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionShape[];
  /** Its arguments, in their order. */
  readonly takes: readonly Completes[];
  /** What may follow these. */
  readonly rest: Completes;
}

/** Pure. */
export function shapeOf(program: Command): CommandShape[] {
  const commands = program.commands.map(commandShape);
  const names = commands.map(({ name }) => name);
  const help = {
    name: 'help',
    summary: 'show the options of a command',
    options: [],
    takes: [names],
    rest: 'nothing',
  } as const;
  return [...commands, help];
}

function commandShape(command: Command): CommandShape {
  const name = command.name();
  const summary = command.summary();
  if (name === 'watch') return { name, summary, options: watchOptions(), takes: ['file'], rest: 'file' };
  const options = [...command.options.map(optionShape), HELP_OPTION];
  const given = command.registeredArguments;
  const kinds = given.map((argument) => argument.argChoices ?? kindOf(argument.name()));
  const isVariadic = given.at(-1)?.variadic === true;
  return {
    name,
    summary,
    options,
    takes: isVariadic ? kinds.slice(0, -1) : kinds,
    rest: isVariadic ? (kinds.at(-1) ?? 'nothing') : 'nothing',
  };
}

function optionShape({ short, long, description, flags, argChoices }: Option): OptionShape {
  const [, valueName] = /[<[]([^>\]]+)[>\]]/.exec(flags) ?? [];
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    description: description.replace(/ \(default: [^]*$/u, ''),
    value: valueName === undefined ? undefined : (argChoices ?? kindOf(valueName)),
  };
}

/** By the name of the argument in the help. */
function kindOf(name: string): Completes {
  if (name === 'site or app') return 'site or file';
  if (name === 'signal') return WORKER_SIGNALS;
  if (/^(?:file|path|app|args)s?$/.test(name)) return 'file';
  if (/^(?:dir|directory)$/.test(name)) return 'directory';
  return /^sites?\b/.test(name) ? 'site' : 'nothing';
}

/** `watch` has its options in its help only. */
function watchOptions(): OptionShape[] {
  return [...WATCH_HELP.matchAll(/^ {2}(?<flags>-[^\n]*?)(?: {2,}(?<text>\S[^\n]*))?$/gmu)].map(
    ({ groups }) => {
      const { flags = '', text = '' } = groups ?? {};
      const [, valueName] = /<([^>]+)>/.exec(flags) ?? [];
      return {
        flags: flags.match(/(?<![\w-])--?[\w?][\w-]*/g) ?? [],
        description: text,
        value: valueName === undefined ? undefined : (WATCH_VALUES[valueName] ?? kindOf(valueName)),
      };
    },
  );
}

const WATCH_VALUES: Readonly<Record<string, Completes>> = {
  items: 'file',
  end: ['error', 'success', 'exit'],
  name: WORKER_SIGNALS,
};

const HELP_OPTION: OptionShape = {
  flags: ['-h', '--help'],
  description: 'display help for command',
  value: undefined,
};
