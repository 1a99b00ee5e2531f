// What `vhostd watch --help` prints. It loads nothing, so that the command line can have it without the rest.

/** The help of the command, with a newline at its end. */
export const HELP: string = `Usage: vhostd watch [options] PROGRAM [arguments]
       vhostd watch [options] -- PROGRAM [arguments]

Runs a program; runs it anew when it ends, and when a file changes. The old
process and all that it has started are gone before the next one starts.

Which files:
  -w, --watch <items>        folders, files and globs, with commas (default: .)
  -i, --ignore <items>       folders, files and globs that are not watched
  -e, --extensions <list>    extensions watched in folders, * for all
                             (default: node,js and that of PROGRAM)
  --gitignore                do not watch what .gitignore files name
  --ignore-symlinks          do not follow symbolic links
  -p, --poll-interval <ms>   look every so often instead of being told
  --force-watch              be told by the kernel, also with -p (the default)
  --delay <duration>         quiet time before a restart (default: 200ms)
  Never watched unless -w names them: node_modules and folders whose name begins
  with a dot, below what is watched.

What runs:
  -x, --exec <executable>    what runs PROGRAM (default: node; coffee for
                             .coffee and .litcoffee)
  --inspect[=port]           start node with --inspect
  --inspect-brk[=port]       start node with --inspect-brk
  --debug[=port]             as --inspect, which replaced it in Node
  --debug-brk[=port]         as --inspect-brk, which replaced it in Node
  --harmony                  start node with --harmony
  --harmony_default_parameters, --harmony_destructuring
                             for old scripts; today's Node has both and refuses
                             the flags, so it does not get them

When it ends:
  -n, --no-restart-on <end>  wait for a change when PROGRAM ended with an error
                             (error), with code 0 (success), or at all (exit)
  -k, --instant-kill         end it with SIGKILL instead of SIGTERM
  --signal <name>            end it with this signal (default: SIGTERM)
  --kill-timeout <duration>  SIGKILL for what is still there then (default: 5s)

On the terminal:
  -t, --non-interactive      do not read standard input; PROGRAM has it
  -q, --quiet                errors only
  -V, --verbose              also tell what is watched, and each change
  -RV, --restart-verbose     name every file that leads to a restart
  --json                     print JSON lines: time, level, message
  -s, --timestamp            print the time whenever PROGRAM has ended
  -pid, --save-pid <file>    write the process id of vhostd watch to a file
  -h, -?, --help             show this

While it runs: "rs" and Enter restart PROGRAM; other lines go to its standard
input. Ctrl-C is passed on, and ends vhostd watch with the code of PROGRAM;
Ctrl-C again kills.

Examples:
  vhostd watch server.js
  vhostd watch server.js --port 3000
  vhostd watch -w src,views -e js,html -i '**/*.test.js' server.js
  vhostd watch -n exit -x python3 -e py job.py
`;
